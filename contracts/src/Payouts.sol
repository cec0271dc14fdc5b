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
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Payouts
/// @notice The one pot, and who is paid from it. Income waits in `POT`, out of the reach of claims; what a root declares
/// lies here, so that its balance is the cap of all claims and a claim need not count.
/// @dev Limitations: a token that changes balances by itself, or takes more than it is asked to send, can leave too
/// little of itself; it harms no other token. Income in a token that keeps a part of every transfer does not wait in `POT`,
/// because its way here would cost another part: it is here at once, within reach of every root. Tokens that are sent here in
/// other ways belong to nobody and pay for claims. Declared sums of a token are below 2^128. Claims never pause. ENGINE
/// decides who is owed what, GUARDIAN has the delay to object.
contract Payouts is AccessManaged, ReentrancyGuardTransient, IPayouts {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    // ------------------------------------------------------------------------------------------------------ constants

    uint256 public constant MAX_TOTALS = 32;
    uint64 public constant MAX_DELAY = 30 days;
    /// @notice What a token may use up when it says what the pot holds, and when it moves that here.
    uint256 private constant HOLDS_GAS = 100_000;
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
        bool forwarded;
        if (token == address(0)) {
            received = amount;
            Address.sendValue(payable(address(POT)), amount);
        } else {
            (received, forwarded) = _pull(token, amount);
        }
        if (received == 0) revert AmountZero();
        if (received > type(uint128).max) revert AmountTooLarge(received);
        emit Funded({
            seq: ++_state.seq,
            assetId: assetId,
            token: token,
            from: msg.sender,
            amount: received,
            reason: reason,
            forwarded: forwarded
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
        number = ++state.number;
        _declare(state, totals);
        ++state.seq;
        state.activatableAt = (block.timestamp + state.delay).toUint40();
        state.pendingTokens = uint8(totals.length);
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
        bytes32 root = _pendingRoot;
        _previousRoot = activeRoot;
        activeRoot = root;
        state.activatableAt = 0;
        state.graceUntil = (block.timestamp + state.grace).toUint40();
        ++state.seq;
        _state = state;
        emit RootActivated({seq: state.seq, number: state.number, root: root, graceUntil: state.graceUntil});
        for (uint256 i; i < state.pendingTokens; ++i) {
            _release(state.number, _pendingTokens[i]);
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

    /// @dev Counts the least of what was asked for and what arrived, so that a payment inside the token's own code is not
    /// counted here too. A token that kept a part would keep another on its next way, so it takes that way now.
    function _pull(address token, uint256 amount) private returns (uint256 received, bool forwarded) {
        uint256 before = POT.holds(token);
        IERC20(token).safeTransferFrom(msg.sender, address(POT), amount);
        received = Math.min(amount, POT.holds(token) - before);
        forwarded = received < amount;
        if (forwarded) received = POT.release(token, received);
    }

    /// @dev Notes a proposal's totals beside those of the active root, each at most what is declared and what the pot
    /// holds. What is beyond that, or of a token that does not say, is passed over.
    function _declare(State memory state, Total[] calldata totals) private {
        if (totals.length > MAX_TOTALS) revert TotalsTooMany(totals.length, MAX_TOTALS);
        for (uint256 i; i < totals.length; ++i) {
            Total calldata total = totals[i];
            (address token, uint256 amount) = (total.token, total.amount);
            if (i != 0 && token <= totals[i - 1].token) revert TotalsNotAscending(i);
            Tally storage tally = _tallies[token];
            uint256 declared = tally.declared;
            uint256 pending = declared;
            if (amount > declared) {
                pending = Math.min(amount, _ceiling(token, declared));
                if (pending < amount) {
                    emit TotalPassedOver({
                        seq: ++state.seq, number: state.number, token: token, amount: amount - pending
                    });
                }
            }
            tally.pending = uint128(pending);
            _pendingTokens[i] = token;
        }
    }

    /// @dev The most that can be declared: what is, and what the pot holds. Below 2^128, as every sum of native coin is.
    function _ceiling(address token, uint256 declared) private view returns (uint256) {
        if (token == address(0)) return declared + address(POT).balance;
        _checkGas(HOLDS_GAS);
        try POT.holds{gas: HOLDS_GAS}(token) returns (uint256 held) {
            return Math.min(Math.saturatingAdd(declared, held), type(uint128).max);
        } catch {
            return declared;
        }
    }

    /// @dev Fetches from the pot what a pending total is above the declared one. A token that fails, or uses up its gas,
    /// is passed over, so that it cannot hold up the others; the next root that names it tries again.
    function _release(uint64 number, address token) private {
        Tally storage tally = _tallies[token];
        uint256 amount = tally.pending - tally.declared;
        if (amount == 0) return;
        _checkGas(RELEASE_GAS);
        try POT.release{gas: RELEASE_GAS}(token, amount) returns (uint256 arrived) {
            tally.declared += uint128(arrived);
            if (arrived == amount) return;
            amount -= arrived;
        } catch {}
        emit TotalPassedOver({seq: ++_state.seq, number: number, token: token, amount: amount});
    }

    /// @dev Who calls with little gas cannot have an honest token passed over.
    function _checkGas(uint256 needed) private view {
        if (gasleft() < 2 * needed) revert GasTooLow(2 * needed);
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
