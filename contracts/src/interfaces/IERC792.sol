// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice ERC-792: decides disputes of arbitrables for a fee.
interface IArbitrator {
    /// @notice Opens a dispute with `choices` answers besides 0, which refuses to answer. Costs `arbitrationCost`.
    function createDispute(uint256 choices, bytes calldata extraData) external payable returns (uint256 disputeID);

    /// @notice What a dispute costs, in wei.
    function arbitrationCost(bytes calldata extraData) external view returns (uint256 cost);
}

/// @notice ERC-792: is ruled upon.
interface IArbitrable {
    /// @notice The arbitrator ruled.
    event Ruling(IArbitrator indexed arbitrator, uint256 indexed disputeID, uint256 ruling);

    /// @notice Takes a ruling. Only the arbitrator.
    function rule(uint256 disputeID, uint256 ruling) external;
}
