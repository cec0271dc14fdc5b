// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Pot} from "./Pot.sol";
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
/// @notice The one pot, and who is paid from it. Income waits in `POT`, out of the reach of claims; what a root declares
/// lies here, so that its balance is the cap of all claims and a claim need not count.
/// @dev Limitations: a token that changes balances by itself, or takes more than it is asked to send, can leave too
/// little of itself; it harms no other token. Tokens sent here outside of an activation belong to nobody and pay for
/// claims. Declared sums of a token are below 2^128. Claims never pause. ENGINE decides who is owed what, GUARDIAN has
/// the delay to object.
contract Payouts is AccessManaged, ReentrancyGuardTransient, IPayouts {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    // ------------------------------------------------------------------------------------------------------ constants

    uint256 public constant MAX_TOTALS = 32;
    uint64 public constant MAX_DELAY = 30 days;
    uint256 public constant RELEASE_GAS = 300_000;

    uint64 public immutable MIN_DELAY;
    uint64 public immutable MIN_GRACE;
    Pot public immutable POT;
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
        POT = new Pot();
        INBOX = address(new RoyaltyInbox());
        _setDelay(initialDelay, initialGrace);
    }

    // ------------------------------------------------------------------------------------------------------- external

    /// @dev From the pot alone: native coin sent here by others would belong to nobody.
    receive() external payable {
        if (msg.sender != address(POT)) revert CallerNotPot(msg.sender);
    }

    /// @inheritdoc IPayouts
    function fund(uint256 assetId, address token, uint256 amount, bytes32 reason)
        external
        payable
        nonReentrant
        returns (uint256 received)
    {
        uint256 expected = token == address(0) ? amount : 0;
        if (msg.value != expected) revert ValueMismatch(msg.value, expected);
        if (token == address(0)) {
            received = amount;
            Address.sendValue(payable(address(POT)), amount);
        } else {
            uint256 before = IERC20(token).balanceOf(address(POT));
            IERC20(token).safeTransferFrom(msg.sender, address(POT), amount);
            received = IERC20(token).balanceOf(address(POT)) - before;
        }
        if (received == 0) revert AmountZero();
        emit Funded({
            seq: ++_state.seq, assetId: assetId, token: token, from: msg.sender, amount: received, reason: reason
        });
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
    function activate() external nonReentrant {
        State memory state = _state;
        if (state.activatableAt == 0) revert RootNotPending();
        if (block.timestamp < state.activatableAt) revert RootNotActivatable(state.activatableAt);
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
        for (uint256 i; i < state.pendingTokens; ++i) {
            _release(_pendingTokens[i]);
        }
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
        returns (uint256 amount)
    {
        amount = _claim(account, token, cumulative, proof);
        if (amount == 0) revert NothingToClaim(account, token, claimedOf[account][token]);
    }

    /// @inheritdoc IPayouts
    function claimMany(Claim[] calldata claims) external {
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
    function pot() external view returns (address) {
        return address(POT);
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

    /// @dev Checks a proposal's totals and notes them beside those of the active root.
    function _declare(Total[] calldata totals) private {
        if (totals.length > MAX_TOTALS) revert TotalsTooMany(totals.length, MAX_TOTALS);
        for (uint256 i; i < totals.length; ++i) {
            (address token, uint256 amount) = (totals[i].token, totals[i].amount);
            if (i != 0 && token <= totals[i - 1].token) revert TotalsNotAscending(i);
            Tally storage tally = _tallies[token];
            // What was claimed is at most what was declared, so this covers both.
            uint256 declared = tally.declared;
            if (amount < declared) revert TotalBelowDeclared(token, amount, declared);
            if (amount > declared) {
                uint256 balance = token == address(0) ? address(POT).balance : IERC20(token).balanceOf(address(POT));
                if (amount > declared + balance) revert TotalAboveFunded(token, amount, declared + balance);
            }
            tally.pending = amount.toUint128();
            _pendingTokens[i] = token;
        }
    }

    /// @dev Makes a pending total the declared one and fetches the difference from the pot. A token that fails, or uses
    /// up its gas, is passed over, so that it cannot hold up the others; the next root that names it tries again.
    function _release(address token) private {
        Tally storage tally = _tallies[token];
        uint256 amount = tally.pending - tally.declared;
        if (amount == 0) return;
        if (gasleft() < 2 * RELEASE_GAS) revert GasTooLow(2 * RELEASE_GAS);
        try POT.release{gas: RELEASE_GAS}(token, amount) {
            tally.declared += uint128(amount);
        } catch {
            emit TotalPassedOver({seq: ++_state.seq, token: token, amount: amount});
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
        claimedOf[account][token] = cumulative;
        address to = payoutAddressOf(account);
        emit Claimed({account: account, token: token, to: to, amount: amount, cumulative: cumulative});
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
