// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {RoyaltyInbox} from "./RoyaltyInbox.sol";
import {IPayouts} from "./interfaces/IPayouts.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Payouts
/// @notice The one pot.
/// @dev Limitations: a token that changes balances by itself, or takes more than it is asked to send, can leave too
/// little of itself here; it harms no other token. Sums of a token are below 2^128. Claims never pause. ENGINE decides
/// who is owed what, GUARDIAN has the delay to object.
contract Payouts is AccessManaged, ReentrancyGuardTransient, IPayouts {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    // ------------------------------------------------------------------------------------------------------ constants

    uint256 public constant MAX_TOTALS = 32;
    uint64 public constant MAX_DELAY = 30 days;

    uint64 public immutable MIN_DELAY;
    uint64 public immutable MIN_GRACE;
    /// @notice The code that every inbox runs.
    address public immutable INBOX;

    // -------------------------------------------------------------------------------------------------------- storage

    /// @dev One slot, since every call writes the event number. A root is pending while `activatableAt` is not zero.
    struct State {
        uint64 seq;
        uint48 number;
        uint40 activatableAt;
        uint40 graceUntil;
        uint24 delay;
        uint24 grace;
        uint8 pendingTokens;
    }

    State private _state;
    /// @inheritdoc IPayouts
    bytes32 public activeRoot;
    bytes32 private _previousRoot;
    /// @dev This and the list are overwritten by the next proposal and never cleared: cheaper, and `_state` says
    /// whether they count.
    bytes32 private _pendingRoot;
    address[MAX_TOTALS] private _pendingTokens;
    mapping(address token => Tally) private _tallies;
    /// @inheritdoc IPayouts
    mapping(address account => mapping(address token => uint256)) public claimedOf;
    mapping(address account => address) private _payoutAddress;

    // ---------------------------------------------------------------------------------------------------- constructor

    constructor(address manager, uint64 initialDelay, uint64 initialGrace) AccessManaged(manager) {
        MIN_DELAY = initialDelay;
        MIN_GRACE = initialGrace;
        INBOX = address(new RoyaltyInbox());
        _setDelay(initialDelay, initialGrace);
    }

    // ------------------------------------------------------------------------------------------------------- external

    /// @inheritdoc IPayouts
    function fund(uint256 assetId, address token, uint256 amount, bytes32 reason)
        external
        payable
        nonReentrant
        returns (uint256 received)
    {
        uint256 expected = token == address(0) ? amount : 0;
        if (msg.value != expected) revert ValueMismatch(msg.value, expected);
        received = amount;
        if (token != address(0)) {
            uint256 before = IERC20(token).balanceOf(address(this));
            IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
            received = IERC20(token).balanceOf(address(this)) - before;
        }
        _fund(assetId, token, received, reason);
    }

    /// @inheritdoc IPayouts
    function fundReceived(uint256 assetId, address token, uint256 amount, bytes32 reason) external nonReentrant {
        Tally storage tally = _tallies[token];
        uint256 held = IERC20(token).balanceOf(address(this));
        uint256 owed = tally.funded - tally.claimed;
        uint256 surplus = held > owed ? held - owed : 0;
        if (amount > surplus) revert NotReceived(token, surplus, amount);
        _fund(assetId, token, amount, reason);
    }

    /// @inheritdoc IPayouts
    function propose(bytes32 root, string calldata dataCid, uint64 anchorSeq, Total[] calldata totals)
        external
        restricted
        returns (uint64 number)
    {
        State memory state = _state;
        if (state.activatableAt != 0) revert RootPending(state.number);
        if (root == 0) revert RootZero();
        _declare(totals);

        state.activatableAt = (block.timestamp + state.delay).toUint40();
        state.pendingTokens = uint8(totals.length);
        ++state.seq;
        number = ++state.number;
        _state = state;
        _pendingRoot = root;
        emit RootProposed({
            seq: state.seq,
            number: number,
            root: root,
            dataCid: dataCid,
            anchorSeq: anchorSeq,
            totals: totals,
            activatableAt: state.activatableAt
        });
    }

    /// @inheritdoc IPayouts
    function activate() external {
        State memory state = _state;
        if (state.activatableAt == 0) revert RootNotPending();
        if (block.timestamp < state.activatableAt) revert RootNotActivatable(state.activatableAt);
        for (uint256 i; i < state.pendingTokens; ++i) {
            Tally storage tally = _tallies[_pendingTokens[i]];
            tally.declared = tally.pending;
        }
        bytes32 previous = activeRoot;
        bytes32 root = _pendingRoot;
        _previousRoot = previous;
        activeRoot = root;
        state.activatableAt = 0;
        state.graceUntil = (block.timestamp + state.grace).toUint40();
        ++state.seq;
        _state = state;
        emit RootActivated({
            seq: state.seq, number: state.number, root: root, previousRoot: previous, graceUntil: state.graceUntil
        });
    }

    /// @inheritdoc IPayouts
    function veto() external restricted {
        if (_state.activatableAt == 0) revert RootNotPending();
        _state.activatableAt = 0;
        emit RootVetoed({seq: ++_state.seq, number: _state.number, root: _pendingRoot});
    }

    /// @inheritdoc IPayouts
    function claim(address account, address token, uint256 cumulative, bytes32[] calldata proof)
        external
        nonReentrant
        returns (uint256 amount)
    {
        amount = _claim(account, token, cumulative, proof);
        if (amount == 0) revert NothingToClaim(account, token, claimedOf[account][token]);
    }

    /// @inheritdoc IPayouts
    function claimMany(Claim[] calldata claims) external nonReentrant {
        for (uint256 i; i < claims.length; ++i) {
            Claim calldata one = claims[i];
            _claim(one.account, one.token, one.cumulative, one.proof);
        }
    }

    /// @inheritdoc IPayouts
    function setPayoutAddress(address to) external {
        _payoutAddress[msg.sender] = to;
        emit PayoutAddressSet({seq: ++_state.seq, account: msg.sender, to: to});
    }

    /// @inheritdoc IPayouts
    function setDelay(uint64 newDelay, uint64 newGrace) external restricted {
        _setDelay(newDelay, newGrace);
    }

    /// @inheritdoc IPayouts
    function deployInbox(uint256 assetId) external returns (address inbox) {
        inbox = inboxOf(assetId);
        if (inbox.code.length != 0) return inbox;
        Clones.cloneDeterministicWithImmutableArgs({
            implementation: INBOX, args: abi.encode(assetId), salt: bytes32(assetId)
        });
        emit InboxDeployed({seq: ++_state.seq, assetId: assetId, inbox: inbox});
    }

    // ---------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IPayouts
    function inboxOf(uint256 assetId) public view returns (address) {
        return Clones.predictDeterministicAddressWithImmutableArgs({
            implementation: INBOX, args: abi.encode(assetId), salt: bytes32(assetId)
        });
    }

    /// @inheritdoc IPayouts
    function tallyOf(address token) external view returns (Tally memory) {
        return _tallies[token];
    }

    /// @inheritdoc IPayouts
    function payoutAddressOf(address account) public view returns (address) {
        address chosen = _payoutAddress[account];
        return chosen == address(0) ? account : chosen;
    }

    /// @inheritdoc IPayouts
    function previousRoot() external view returns (bytes32 root, uint64 graceUntil) {
        return (_previousRoot, _state.graceUntil);
    }

    /// @inheritdoc IPayouts
    function pendingRoot() external view returns (bytes32 root, uint64 number, uint64 activatableAt) {
        State memory state = _state;
        if (state.activatableAt == 0) return (0, 0, 0);
        return (_pendingRoot, state.number, state.activatableAt);
    }

    /// @inheritdoc IPayouts
    function delay() external view returns (uint64) {
        return _state.delay;
    }

    /// @inheritdoc IPayouts
    function grace() external view returns (uint64) {
        return _state.grace;
    }

    /// @inheritdoc IPayouts
    function eventSeq() external view returns (uint64) {
        return _state.seq;
    }

    // ------------------------------------------------------------------------------------------------------- internal

    function _setDelay(uint64 newDelay, uint64 newGrace) private {
        if (newDelay < MIN_DELAY || newDelay > MAX_DELAY) revert DelayOutOfBounds(newDelay, MIN_DELAY, MAX_DELAY);
        if (newGrace < MIN_GRACE || newGrace > MAX_DELAY) revert GraceOutOfBounds(newGrace, MIN_GRACE, MAX_DELAY);
        _state.delay = uint24(newDelay);
        _state.grace = uint24(newGrace);
        emit DelaySet({seq: ++_state.seq, delay: newDelay, grace: newGrace});
    }

    function _fund(uint256 assetId, address token, uint256 amount, bytes32 reason) private {
        if (amount == 0) revert AmountZero();
        Tally storage tally = _tallies[token];
        tally.funded = (tally.funded + amount).toUint128();
        emit Funded({
            seq: ++_state.seq, assetId: assetId, token: token, from: msg.sender, amount: amount, reason: reason
        });
    }

    /// @dev Checks a proposal's totals and notes them beside those of the active root.
    function _declare(Total[] calldata totals) private {
        if (totals.length > MAX_TOTALS) revert TotalsTooMany(totals.length, MAX_TOTALS);
        for (uint256 i; i < totals.length; ++i) {
            (address token, uint256 amount) = (totals[i].token, totals[i].amount);
            if (i != 0 && token <= totals[i - 1].token) revert TotalsNotAscending(i);
            Tally storage tally = _tallies[token];
            // What was claimed is at most what was declared, so this covers both.
            if (amount < tally.declared) revert TotalBelowDeclared(token, amount, tally.declared);
            if (amount > tally.funded) revert TotalAboveFunded(token, amount, tally.funded);
            tally.pending = uint128(amount);
            _pendingTokens[i] = token;
        }
    }

    /// @dev Returns zero, and does nothing, when all of it was paid before.
    function _claim(address account, address token, uint256 cumulative, bytes32[] calldata proof)
        private
        returns (uint256 amount)
    {
        uint256 paid = claimedOf[account][token];
        if (cumulative <= paid) return 0;
        _checkProof(account, token, cumulative, proof);
        amount = cumulative - paid;
        Tally storage tally = _tallies[token];
        uint256 left = tally.declared - tally.claimed;
        if (amount > left) revert DeclaredExceeded(token, amount, left);
        tally.claimed += uint128(amount);
        claimedOf[account][token] = cumulative;
        address to = payoutAddressOf(account);
        emit Claimed({
            seq: ++_state.seq, account: account, token: token, to: to, amount: amount, cumulative: cumulative
        });
        if (token == address(0)) Address.sendValue(payable(to), amount);
        else IERC20(token).safeTransfer(to, amount);
    }

    function _checkProof(address account, address token, uint256 cumulative, bytes32[] calldata proof) private view {
        bytes32 leaf =
            keccak256(bytes.concat(keccak256(abi.encode(block.chainid, address(this), account, token, cumulative))));
        bytes32 root = MerkleProof.processProofCalldata(proof, leaf);
        if (root == activeRoot) return;
        if (root == _previousRoot && block.timestamp <= _state.graceUntil) return;
        revert ProofInvalid(account, token, cumulative);
    }
}
