// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IArbiter} from "./interfaces/IArbiter.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Disputes
/// @notice Bonds, deadlines and freezes; every dispute ends without anyone's cooperation.
/// @dev No reentrancy guard: money leaves in `withdrawBond` alone, after the books are closed, and the registry calls
/// nobody.
/// Limitations: a freeze stops sales in our Market and licences, not transfers and foreign markets. A party stays who it
/// was when the dispute began, whoever holds the asset later. Native coin forced upon this contract stays.
contract Disputes is EIP712, AccessManaged, IDisputes {
    using SafeCast for uint256;

    // ------------------------------------------------------------------------------------------------------ constants

    uint256 public constant MAX_CID_LENGTH = 128;
    uint40 public constant COUNTER_PERIOD = 7 days;
    uint40 public constant RULING_PERIOD = 30 days;
    uint40 public constant QUIET_PERIOD = 30 days;
    uint40 public constant DEFAULT_FREEZE = 30 days;
    uint40 public constant MAX_FREEZE = 180 days;
    bytes32 private constant SETTLEMENT_TYPEHASH = keccak256(
        "Settlement(uint256 disputeId,uint256 toClaimant,uint256 toRespondent,uint64 frozenUntil,bytes32 termsHash,"
        "uint256 deadline)"
    );

    IAssetRegistry public immutable REGISTRY;
    uint96 public immutable MIN_BOND;
    uint96 public immutable MAX_BOND;

    // -------------------------------------------------------------------------------------------------------- storage

    struct State {
        uint64 seq;
        uint64 count;
        uint96 bond;
    }

    State private _state;
    /// @inheritdoc IDisputes
    address public arbiter;
    mapping(uint256 disputeId => Dispute) private _disputes;
    /// @inheritdoc IDisputes
    mapping(uint256 assetId => uint256 disputeId) public openDisputeOf;
    /// @inheritdoc IDisputes
    mapping(uint256 assetId => uint64) public quietUntilOf;
    /// @inheritdoc IDisputes
    mapping(address account => uint256) public withdrawableOf;

    // ---------------------------------------------------------------------------------------------------- constructor

    constructor(address manager, IAssetRegistry registry, uint96 initialBond, uint96 minBond, uint96 maxBond)
        EIP712("Tributary Disputes", "1")
        AccessManaged(manager)
    {
        REGISTRY = registry;
        MIN_BOND = minBond;
        MAX_BOND = maxBond;
        _setBond(initialBond);
    }

    // ------------------------------------------------------------------------------------------------------- external

    /// @inheritdoc IDisputes
    function raise(uint256 assetId, string calldata evidenceCid) external payable returns (uint256 disputeId) {
        address owner = _checkRaise(assetId, evidenceCid);
        disputeId = ++_state.count;
        uint40 deadline = _after(COUNTER_PERIOD);
        Dispute memory dispute = Dispute({
            claimant: msg.sender,
            deadline: deadline,
            status: Status.RAISED,
            respondent: owner,
            assetId: assetId.toUint64(),
            arbiter: arbiter,
            bond: _state.bond
        });
        _disputes[disputeId] = dispute;
        openDisputeOf[assetId] = disputeId;
        emit Raised({
            seq: ++_state.seq,
            disputeId: disputeId,
            assetId: assetId,
            claimant: msg.sender,
            respondent: owner,
            arbiter: dispute.arbiter,
            bond: dispute.bond,
            deadline: deadline,
            evidenceCid: evidenceCid
        });
        REGISTRY.setFrozenUntil(assetId, deadline + RULING_PERIOD);
    }

    /// @inheritdoc IDisputes
    function counter(uint256 disputeId, string calldata evidenceCid) external payable {
        Dispute storage dispute = _in(disputeId, Status.RAISED);
        if (msg.sender != dispute.respondent) revert CallerNotRespondent(disputeId, msg.sender);
        if (block.timestamp > dispute.deadline) revert DeadlinePassed(disputeId, dispute.deadline);
        if (msg.value != dispute.bond) revert BondMismatch(msg.value, dispute.bond);
        _checkCid(evidenceCid);
        uint40 deadline = _after(RULING_PERIOD);
        (dispute.status, dispute.deadline) = (Status.COUNTERED, deadline);
        emit Countered({seq: ++_state.seq, disputeId: disputeId, deadline: deadline, evidenceCid: evidenceCid});
    }

    /// @inheritdoc IDisputes
    function settle(
        Settlement calldata settlement,
        bytes calldata claimantSignature,
        bytes calldata respondentSignature
    ) external {
        uint256 disputeId = settlement.disputeId;
        Dispute storage dispute = _disputes[disputeId];
        if (dispute.status != Status.RAISED && dispute.status != Status.COUNTERED) {
            revert StatusIs(disputeId, dispute.status);
        }
        if (block.timestamp > settlement.deadline) revert SettlementExpired(settlement.deadline);
        uint256 held = _held(dispute);
        // Compared one by one, so that no sum can overflow.
        if (settlement.toClaimant > held || settlement.toRespondent != held - settlement.toClaimant) {
            revert SettlementSumInvalid(settlement.toClaimant, held);
        }
        uint40 latest = _after(MAX_FREEZE);
        if (settlement.frozenUntil > latest) revert FreezeTooLong(settlement.frozenUntil, latest);
        bytes32 digest = hashOf(settlement);
        _checkSignature(dispute.claimant, digest, claimantSignature);
        _checkSignature(dispute.respondent, digest, respondentSignature);
        _close(disputeId, Outcome.SETTLED, settlement.toClaimant, settlement.frozenUntil, settlement.termsHash);
    }

    /// @inheritdoc IDisputes
    function rule(uint256 disputeId, Ruling ruling) external {
        Dispute storage dispute = _in(disputeId, Status.COUNTERED);
        if (msg.sender != dispute.arbiter) revert CallerNotArbiter(disputeId, msg.sender);
        if (block.timestamp > dispute.deadline) revert DeadlinePassed(disputeId, dispute.deadline);
        uint256 bonds = _held(dispute);
        if (ruling == Ruling.CLAIMANT) _close(disputeId, Outcome.CLAIMANT, bonds, _after(MAX_FREEZE), 0);
        else if (ruling == Ruling.RESPONDENT) _close(disputeId, Outcome.RESPONDENT, 0, 0, 0);
        else _close(disputeId, Outcome.SPLIT, bonds / 2, 0, 0);
    }

    /// @inheritdoc IDisputes
    function timeout(uint256 disputeId) external {
        Dispute storage dispute = _disputes[disputeId];
        Status status = dispute.status;
        if (status == Status.NONE || status == Status.CLOSED) revert StatusIs(disputeId, status);
        if (block.timestamp <= dispute.deadline) revert DeadlineNotPassed(disputeId, dispute.deadline);
        if (status == Status.RAISED) _close(disputeId, Outcome.DEFAULTED, dispute.bond, _after(DEFAULT_FREEZE), 0);
        else _close(disputeId, Outcome.EXPIRED, dispute.bond, 0, 0);
    }

    /// @inheritdoc IDisputes
    function release(uint256 disputeId) external {
        Dispute storage dispute = _in(disputeId, Status.CLOSED);
        if (msg.sender != dispute.claimant) revert CallerNotClaimant(disputeId, msg.sender);
        // While the freeze that it left runs, no other dispute can have been raised.
        if (block.timestamp > dispute.deadline) revert NothingFrozen(disputeId);
        dispute.deadline = 0;
        uint256 assetId = dispute.assetId;
        emit Released({seq: ++_state.seq, disputeId: disputeId, assetId: assetId});
        REGISTRY.setFrozenUntil(assetId, 0);
    }

    /// @inheritdoc IDisputes
    function withdrawBond(address to) external returns (uint256 amount) {
        if (to == address(0)) revert ReceiverZero();
        amount = withdrawableOf[msg.sender];
        if (amount == 0) revert NothingToWithdraw(msg.sender);
        withdrawableOf[msg.sender] = 0;
        emit BondWithdrawn({seq: ++_state.seq, account: msg.sender, to: to, amount: amount});
        Address.sendValue(payable(to), amount);
    }

    /// @inheritdoc IDisputes
    function setBond(uint96 newBond) external restricted {
        _setBond(newBond);
    }

    /// @inheritdoc IDisputes
    function setArbiter(address newArbiter) external restricted {
        if (address(IArbiter(newArbiter).DISPUTES()) != address(this)) revert ArbiterInvalid(newArbiter);
        arbiter = newArbiter;
        emit ArbiterSet({seq: ++_state.seq, arbiter: newArbiter});
    }

    // ---------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IDisputes
    function isFrozen(uint256 assetId) external view returns (bool) {
        return block.timestamp <= REGISTRY.detailsOf(assetId).frozenUntil;
    }

    /// @inheritdoc IDisputes
    function disputeOf(uint256 disputeId) external view returns (Dispute memory) {
        return _disputes[disputeId];
    }

    /// @inheritdoc IDisputes
    function hashOf(Settlement calldata settlement) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(SETTLEMENT_TYPEHASH, settlement)));
    }

    /// @inheritdoc IDisputes
    function bond() external view returns (uint96) {
        return _state.bond;
    }

    /// @inheritdoc IDisputes
    function disputeCount() external view returns (uint256) {
        return _state.count;
    }

    /// @inheritdoc IDisputes
    function eventSeq() external view returns (uint64) {
        return _state.seq;
    }

    // ------------------------------------------------------------------------------------------------------- internal

    function _setBond(uint96 newBond) private {
        if (newBond < MIN_BOND || newBond > MAX_BOND) revert BondOutOfBounds(newBond, MIN_BOND, MAX_BOND);
        _state.bond = newBond;
        emit BondSet({seq: ++_state.seq, bond: newBond});
    }

    function _checkRaise(uint256 assetId, string calldata evidenceCid) private view returns (address owner) {
        if (arbiter == address(0)) revert ArbiterInvalid(arbiter);
        if (msg.value != _state.bond) revert BondMismatch(msg.value, _state.bond);
        _checkCid(evidenceCid);
        IAssetRegistry.Details memory asset = REGISTRY.detailsOf(assetId);
        owner = asset.owner;
        if (owner == msg.sender) revert ClaimantIsOwner(assetId, owner);
        if (openDisputeOf[assetId] != 0) revert DisputeOpen(assetId, openDisputeOf[assetId]);
        if (block.timestamp <= asset.frozenUntil) revert AssetFrozen(assetId, asset.frozenUntil);
        uint64 quietUntil = quietUntilOf[assetId];
        if (block.timestamp <= quietUntil) revert AssetQuiet(assetId, quietUntil);
    }

    function _checkCid(string calldata cid) private pure {
        uint256 length = bytes(cid).length;
        if (length == 0 || length > MAX_CID_LENGTH) revert CidLengthInvalid(length, MAX_CID_LENGTH);
    }

    function _checkSignature(address party, bytes32 digest, bytes calldata signature) private view {
        if (!Signatures.isValid(party, digest, signature)) revert SignatureInvalid(party);
    }

    function _in(uint256 disputeId, Status status) private view returns (Dispute storage dispute) {
        dispute = _disputes[disputeId];
        if (dispute.status != status) revert StatusIs(disputeId, dispute.status);
    }

    /// @dev The claimant's bond, and the respondent's once it countered.
    function _held(Dispute storage dispute) private view returns (uint256) {
        return dispute.status == Status.COUNTERED ? 2 * uint256(dispute.bond) : dispute.bond;
    }

    function _after(uint40 period) private view returns (uint40) {
        return (block.timestamp + period).toUint40();
    }

    /// @dev What the claimant does not get is the respondent's, so the bonds always come out whole.
    function _close(uint256 disputeId, Outcome outcome, uint256 toClaimant, uint64 frozenUntil, bytes32 termsHash)
        private
    {
        Dispute storage dispute = _disputes[disputeId];
        uint256 toRespondent = _held(dispute) - toClaimant;
        uint256 assetId = dispute.assetId;
        (dispute.status, dispute.deadline) = (Status.CLOSED, uint40(frozenUntil));
        delete openDisputeOf[assetId];
        if (outcome != Outcome.CLAIMANT && outcome != Outcome.DEFAULTED && outcome != Outcome.SETTLED) {
            quietUntilOf[assetId] = _after(QUIET_PERIOD);
        }
        withdrawableOf[dispute.claimant] += toClaimant;
        withdrawableOf[dispute.respondent] += toRespondent;
        emit Closed({
            seq: ++_state.seq,
            disputeId: disputeId,
            assetId: assetId,
            outcome: outcome,
            toClaimant: toClaimant,
            toRespondent: toRespondent,
            frozenUntil: frozenUntil,
            termsHash: termsHash
        });
        REGISTRY.setFrozenUntil(assetId, frozenUntil);
    }
}
