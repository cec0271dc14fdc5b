// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice Keeps half of what one account sends, and all of what others send goes through.
contract SecondHopFeeToken is ERC20("Second hop", "HOP") {
    address public taxed;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function tax(address account) external {
        taxed = account;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from != taxed || from == address(0)) return super._update(from, to, amount);
        super._update(from, address(0), amount - amount / 2);
        super._update(from, to, amount / 2);
    }
}

/// @notice Says that every transfer went well, and moves nothing.
contract EmptyPromiseToken {
    mapping(address account => uint256) public balanceOf;

    function approve(address, uint256) external pure returns (bool) {
        return true;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return true;
    }
}
