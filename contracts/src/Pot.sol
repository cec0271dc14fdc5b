// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IPot} from "./interfaces/IPot.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Pot
/// @notice Where income waits until a payout root declares it. Anyone may pay in; only Payouts takes out, and only to
/// itself.
contract Pot is IPot {
    using SafeERC20 for IERC20;

    address public immutable PAYOUTS;

    constructor() {
        PAYOUTS = msg.sender;
    }

    receive() external payable {}

    /// @inheritdoc IPot
    function release(address token, uint256 amount) external returns (uint256 arrived) {
        if (msg.sender != PAYOUTS) revert CallerNotPayouts(msg.sender);
        arrived = Math.min(amount, holds(token));
        if (token == address(0)) {
            Address.sendValue(payable(PAYOUTS), arrived);
        } else {
            uint256 before = IERC20(token).balanceOf(PAYOUTS);
            IERC20(token).safeTransfer(PAYOUTS, arrived);
            arrived = Math.min(arrived, IERC20(token).balanceOf(PAYOUTS) - before);
        }
    }

    /// @inheritdoc IPot
    function holds(address token) public view returns (uint256) {
        return token == address(0) ? address(this).balance : IERC20(token).balanceOf(address(this));
    }
}
