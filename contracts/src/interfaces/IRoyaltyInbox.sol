// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title An asset's address for royalties
/// @notice The receiver that ERC-2981 names: whatever foreign markets send here reaches the asset's pot.
interface IRoyaltyInbox {
    error NotAClone();

    /// @notice Moves all of a token, or with zero all native coin, into the asset's pot. Anyone may call it.
    /// @return received What was credited to the asset.
    function sweep(address token) external returns (uint256 received);

    /// @notice The asset that this inbox belongs to.
    function assetId() external view returns (uint256);
}
