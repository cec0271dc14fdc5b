// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @notice A token with ERC-2612 permits.
contract PermitToken is ERC20("Permit", "PRM"), ERC20Permit("Permit") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @dev What the owner of tokens signs.
    function digest(address owner, address spender, uint256 value, uint256 deadline) external view returns (bytes32) {
        bytes32 typehash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        return _hashTypedDataV4(keccak256(abi.encode(typehash, owner, spender, value, nonces(owner), deadline)));
    }
}
