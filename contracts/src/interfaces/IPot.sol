// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Where income waits
/// @notice Holds what no payout root has declared yet, out of the reach of every claim.
interface IPot {
    error CallerNotPayouts(address caller);

    /// @notice Moves money to Payouts. Only Payouts, when it activates a root.
    function release(address token, uint256 amount) external;
}
