// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IArbiter} from "../interfaces/IArbiter.sol";
import {IDisputes} from "../interfaces/IDisputes.sol";
import {IArbitrable, IArbitrator} from "../interfaces/IERC792.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title ERC792Arbiter
/// @notice Brings our disputes before an ERC-792 arbitrator, such as Kleros. Whoever asks pays its fee; bonds are not
/// touched for it.
/// @dev Limitations: the arbitrator must rule within RULING_PERIOD; a later ruling changes nothing.
contract ERC792Arbiter is IArbiter, IArbitrable {
    // ------------------------------------------------------------------------------------------------------ constants

    /// @dev 1 is the claimant, 2 the respondent; an arbitrator's 0 refuses to say.
    uint256 public constant CHOICES = 2;

    IDisputes public immutable DISPUTES;
    IArbitrator public immutable ARBITRATOR;

    // -------------------------------------------------------------------------------------------------------- storage

    bytes public extraData;
    mapping(uint256 externalId => uint256 disputeId) public disputeOf;
    mapping(uint256 disputeId => bool) public isRequested;

    // ------------------------------------------------------------------------------------------------ events and errors

    event Requested(uint256 indexed disputeId, uint256 indexed externalId);

    error NotBeforeThisArbiter(uint256 disputeId);
    error RequestedAlready(uint256 disputeId);
    error FeeTooLow(uint256 value, uint256 cost);
    error CallerNotArbitrator(address caller);
    error DisputeUnknown(uint256 externalId);
    error RulingUnknown(uint256 ruling);

    // ---------------------------------------------------------------------------------------------------- constructor

    constructor(IDisputes disputes, IArbitrator arbitrator, bytes memory extraData_) {
        DISPUTES = disputes;
        ARBITRATOR = arbitrator;
        extraData = extraData_;
    }

    // ------------------------------------------------------------------------------------------------------- external

    /// @notice Asks the arbitrator to rule on a countered dispute that names this adapter, once. What is sent above its
    /// fee is returned.
    function request(uint256 disputeId) external payable returns (uint256 externalId) {
        IDisputes.Dispute memory dispute = DISPUTES.disputeOf(disputeId);
        if (dispute.status != IDisputes.Status.COUNTERED || dispute.arbiter != address(this)) {
            revert NotBeforeThisArbiter(disputeId);
        }
        if (isRequested[disputeId]) revert RequestedAlready(disputeId);
        isRequested[disputeId] = true;
        bytes memory extra = extraData;
        uint256 cost = ARBITRATOR.arbitrationCost(extra);
        if (msg.value < cost) revert FeeTooLow(msg.value, cost);
        externalId = ARBITRATOR.createDispute{value: cost}({choices: CHOICES, extraData: extra});
        disputeOf[externalId] = disputeId;
        emit Requested(disputeId, externalId);
        if (msg.value > cost) Address.sendValue(payable(msg.sender), msg.value - cost);
    }

    /// @inheritdoc IArbitrable
    function rule(uint256 externalId, uint256 ruling) external {
        if (msg.sender != address(ARBITRATOR)) revert CallerNotArbitrator(msg.sender);
        uint256 disputeId = disputeOf[externalId];
        if (disputeId == 0) revert DisputeUnknown(externalId);
        if (ruling > CHOICES) revert RulingUnknown(ruling);
        emit Ruling(ARBITRATOR, externalId, ruling);
        DISPUTES.rule(disputeId, IDisputes.Ruling(ruling));
    }
}
