// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Where income waits
/// @notice Holds what no payout root has declared yet, out of the reach of every claim.
interface IPot {
    error CallerNotPayouts(address caller);

    /// @notice Moves money to Payouts, as much of `amount` as is here. Only Payouts, when it activates a root, or when a
    /// token kept a part of a payment.
    /// @return arrived What Payouts received, at most `amount`.
    function release(address token, uint256 amount) external returns (uint256 arrived);

    /// @notice What is here of a token.
    function holds(address token) external view returns (uint256);
}
