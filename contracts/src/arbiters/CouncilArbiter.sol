// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ICouncilArbiter} from "../interfaces/ICouncilArbiter.sol";
import {IDisputes} from "../interfaces/IDisputes.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title CouncilArbiter
/// @notice Members, who hold ARBITER, vote on disputes; so many equal votes are a ruling.
/// @dev Limitations: a council that does not reach its threshold in time lets the dispute expire.
contract CouncilArbiter is AccessManaged, ICouncilArbiter {
    // ------------------------------------------------------------------------------------------------------ constants

    IDisputes public immutable DISPUTES;
    uint256 public immutable THRESHOLD;

    // -------------------------------------------------------------------------------------------------------- storage

    struct Vote {
        bool voted;
        IDisputes.Ruling ruling;
    }

    /// @inheritdoc ICouncilArbiter
    uint64 public eventSeq;
    mapping(uint256 disputeId => mapping(IDisputes.Ruling ruling => uint256)) public votesFor;
    mapping(uint256 disputeId => mapping(address member => Vote)) public voteOf;

    // ---------------------------------------------------------------------------------------------------- constructor

    constructor(address manager, IDisputes disputes, uint256 threshold) AccessManaged(manager) {
        if (threshold == 0) revert ThresholdZero();
        DISPUTES = disputes;
        THRESHOLD = threshold;
    }

    // ------------------------------------------------------------------------------------------------------- external

    /// @inheritdoc ICouncilArbiter
    function vote(uint256 disputeId, IDisputes.Ruling ruling) external restricted {
        IDisputes.Dispute memory dispute = DISPUTES.disputeOf(disputeId);
        if (dispute.status != IDisputes.Status.COUNTERED || dispute.arbiter != address(this)) {
            revert NotBeforeTheCouncil(disputeId);
        }
        Vote storage cast = voteOf[disputeId][msg.sender];
        if (cast.voted) {
            if (cast.ruling == ruling) revert VotedAlready(disputeId, msg.sender, ruling);
            --votesFor[disputeId][cast.ruling];
        }
        (cast.voted, cast.ruling) = (true, ruling);
        uint256 votes = ++votesFor[disputeId][ruling];
        emit Voted({seq: ++eventSeq, disputeId: disputeId, member: msg.sender, ruling: ruling, votes: votes});
        if (votes == THRESHOLD) DISPUTES.rule(disputeId, ruling);
    }
}
