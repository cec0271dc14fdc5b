// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IArbiter} from "./IArbiter.sol";
import {IDisputes} from "./IDisputes.sol";

/// @title A council that rules by votes
interface ICouncilArbiter is IArbiter {
    /// @notice A member voted, or changed its vote.
    /// @param seq This contract's event number: from 1, without gaps.
    event Voted(uint64 seq, uint256 indexed disputeId, address indexed member, IDisputes.Ruling ruling, uint256 votes);

    error ThresholdZero();
    error NotBeforeTheCouncil(uint256 disputeId);
    error VotedAlready(uint256 disputeId, address member, IDisputes.Ruling ruling);

    /// @notice Votes on a countered dispute that names this council. Only members, who hold ARBITER. The vote that
    /// brings a ruling to the threshold makes it.
    /// @dev Warning: the vote of a member that has left the role since still counts.
    function vote(uint256 disputeId, IDisputes.Ruling ruling) external;

    /// @notice How many members are for a ruling.
    function votesFor(uint256 disputeId, IDisputes.Ruling ruling) external view returns (uint256);

    /// @notice Whether a member voted on a dispute, and how.
    function voteOf(uint256 disputeId, address member) external view returns (bool voted, IDisputes.Ruling ruling);

    /// @notice How many votes make a ruling.
    function THRESHOLD() external view returns (uint256);

    /// @notice The number of the last event.
    function eventSeq() external view returns (uint64);
}
