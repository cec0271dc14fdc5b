// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IArbiter} from "../src/interfaces/IArbiter.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {IMarket} from "../src/interfaces/IMarket.sol";
import {BaseTest, IRegistry} from "./Base.t.sol";
import {DeadArbiter, Forcer, OpenArbiter} from "./mocks/DisputeMocks.sol";
import {Reenterer, Refuser, Wallet} from "./mocks/Receivers.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice The contract with its constants.
interface IDisputesContract is IDisputes {
    function COUNTER_PERIOD() external view returns (uint40);
    function RULING_PERIOD() external view returns (uint40);
    function QUIET_PERIOD() external view returns (uint40);
    function DEFAULT_FREEZE() external view returns (uint40);
    function MAX_FREEZE() external view returns (uint40);
    function MIN_BOND() external view returns (uint96);
    function MAX_BOND() external view returns (uint96);
    function eip712Domain()
        external
        view
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory);
}

/// @notice A system with its disputes, and every step of one in a line.
abstract contract DisputesBase is BaseTest {
    uint96 internal constant BOND = 0.05 ether;
    uint96 internal constant MIN_BOND = 0.001 ether;
    uint96 internal constant MAX_BOND = 10 ether;
    string internal constant ANSWER = "bafybeianswer";
    bytes32 internal constant TERMS = keccak256("terms");

    IDisputesContract internal disputes;
    OpenArbiter internal arbiter;
    /// @dev Alice's asset; Bob claims.
    uint256 internal work;
    uint96 internal bond = BOND;

    /// @dev The registry is a new one, so that this test ties it to its own Disputes.
    function setUp() public virtual override {
        super.setUp();
        registry = IRegistry(deployCode("AssetRegistry.sol:AssetRegistry", abi.encode(manager, payouts)));
        disputes = _deploy();
        vm.startPrank(admin);
        registry.link(makeAddr("licences"), address(disputes));
        manager.setTargetFunctionRole(address(disputes), _one(IDisputes.setBond.selector), GOVERNOR);
        manager.setTargetFunctionRole(address(disputes), _one(IDisputes.setArbiter.selector), GOVERNOR);
        vm.stopPrank();
        arbiter = new OpenArbiter(disputes);
        _setArbiter(address(arbiter));
        work = _register(alice, "work");
    }

    function _deploy() internal returns (IDisputesContract) {
        return
            IDisputesContract(
                deployCode("Disputes.sol:Disputes", abi.encode(manager, registry, BOND, MIN_BOND, MAX_BOND))
            );
    }

    function _setArbiter(address account) internal {
        vm.prank(governor);
        disputes.setArbiter(account);
    }

    function _raise() internal returns (uint256) {
        return _raiseBy(bob);
    }

    function _raiseBy(address claimant) internal returns (uint256) {
        vm.prank(claimant);
        return disputes.raise{value: bond}(work, CID);
    }

    function _counter(uint256 disputeId) internal {
        vm.prank(alice);
        disputes.counter{value: bond}(disputeId, ANSWER);
    }

    function _setBond(uint96 newBond) internal {
        vm.prank(governor);
        disputes.setBond(newBond);
        bond = newBond;
    }

    function _countered() internal returns (uint256 disputeId) {
        disputeId = _raise();
        _counter(disputeId);
    }

    /// @dev Past a deadline by one second.
    function _pass(uint256 disputeId) internal {
        vm.warp(uint256(disputes.disputeOf(disputeId).deadline) + 1);
    }

    function _settlement(uint256 disputeId, uint256 toClaimant, uint256 toRespondent)
        internal
        view
        returns (IDisputes.Settlement memory)
    {
        return IDisputes.Settlement({
            disputeId: disputeId,
            toClaimant: toClaimant,
            toRespondent: toRespondent,
            frozenUntil: 0,
            termsHash: TERMS,
            deadline: block.timestamp + 1 hours
        });
    }

    function _signed(uint256 key, IDisputes.Settlement memory settlement) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, disputes.hashOf(settlement));
        return abi.encodePacked(r, s, v);
    }

    function _settle(IDisputes.Settlement memory settlement) internal {
        disputes.settle(settlement, _signed(bobKey, settlement), _signed(aliceKey, settlement));
    }

    function _frozenUntil() internal view returns (uint64) {
        return registry.detailsOf(work).frozenUntil;
    }

    function _after(uint256 period) internal view returns (uint64) {
        return uint64(block.timestamp + period);
    }
}

// raise
// ├── given no arbiter was set: it should revert
// ├── when the value is not exactly the bond: it should revert
// ├── when the evidence is empty or too long: it should revert
// ├── given the asset is unknown: it should revert
// ├── given the caller owns the asset: it should revert
// ├── given a dispute about it is open, expired or not: it should revert
// ├── given an ended dispute left it frozen: it should revert up to and including the last second
// ├── given the quiet period after a failed dispute runs: it should revert up to and including the last second
// ├── given the registry is tied to another Disputes: it should revert
// └── else: it should note all of it, hold the bond, and freeze the asset for as long as the dispute can last
//     └── given the asset changes hands later: the respondent should stay who it was
// counter
// ├── given the dispute is not RAISED: it should revert
// ├── when the caller is not the respondent, the asset's new owner included: it should revert
// ├── given the deadline has passed: it should revert; at its second it should not
// ├── when the value is not exactly the bond of the dispute: it should revert
// ├── when the evidence is empty or too long: it should revert
// └── else: it should hold both bonds, and give the arbiter its time from now
// settle
// ├── given the dispute is unknown or closed: it should revert
// ├── when the settlement is late, does not sum to what is held, or freezes for too long: it should revert
// ├── when a party did not sign exactly this, or signed for another contract: it should revert
// └── else: it should split as signed, in RAISED and COUNTERED, by key, compact signature and ERC-1271
// rule
// ├── given the dispute is not COUNTERED: it should revert
// ├── when the caller is not the arbiter of this dispute, a newer arbiter included: it should revert
// ├── given the deadline has passed: it should revert; at its second it should not
// └── else: CLAIMANT both bonds and a freeze, RESPONDENT both bonds and none, SPLIT each its own and none
// timeout
// ├── given the dispute is unknown or closed: it should revert
// ├── given the deadline has not passed: it should revert
// ├── given it was not countered: the claimant should get its bond, and the asset stay frozen
// └── given it was not ruled on: each should get its own, and the asset be free
// release
// ├── given the dispute is not closed: it should revert
// ├── when the caller is not the claimant: it should revert
// ├── given no freeze of it runs: it should revert
// └── else: it should free the asset, once
// withdrawBond
// ├── when `to` is zero: it should revert
// ├── given there is nothing: it should revert
// ├── given the receiver refuses: it should revert and keep the balance
// ├── given the receiver calls back: it should pay once
// └── else: it should pay all of it, to whom the account says
// setBond, setArbiter
// ├── when the caller is not GOVERNOR: it should revert
// ├── when out of bounds, or no arbiter of this contract: it should revert
// └── else: it should count for later disputes, and leave the open ones alone
contract DisputesTest is DisputesBase {
    // ---------------------------------------------------------------------------------------------------- constructor

    function test_ConstructorSaysAllInEvents() public {
        vm.recordLogs();
        IDisputesContract other = _deploy();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bytes memory last = abi.encode(uint64(1), uint256(BOND));
        assertEq(logs[logs.length - 1].topics[0], IDisputes.BondSet.selector);
        assertEq(logs[logs.length - 1].data, last);
        assertEq(other.eventSeq(), 1);
        assertEq(other.bond(), BOND);
        assertEq(other.arbiter(), address(0));
        assertEq(other.MIN_BOND(), MIN_BOND);
        assertEq(other.MAX_BOND(), MAX_BOND);
    }

    function test_RevertWhen_ConstructedOutOfBounds() public {
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BondOutOfBounds.selector, 1, 2, 3));
        deployCode("Disputes.sol:Disputes", abi.encode(manager, registry, 1, 2, 3));
    }

    function test_DomainIsItsOwn() public view {
        (, string memory name, string memory version, uint256 chainId, address verifying,,) = disputes.eip712Domain();
        assertEq(name, "Tributary Disputes");
        assertEq(version, "1");
        assertEq(chainId, block.chainid);
        assertEq(verifying, address(disputes));
    }

    /// @dev No step after the deadline of one state belongs to the state before, and nothing outlives a freeze.
    function test_FreezeCoversTheCourse() public {
        uint256 disputeId = _raise();
        vm.warp(disputes.disputeOf(disputeId).deadline);
        _counter(disputeId);
        assertLe(disputes.disputeOf(disputeId).deadline, _frozenUntil());
        vm.warp(disputes.disputeOf(disputeId).deadline);
        assertTrue(disputes.isFrozen(work));
        arbiter.rule(disputeId, IDisputes.Ruling.CLAIMANT);
        assertEq(_frozenUntil(), _after(disputes.MAX_FREEZE()));
    }

    // ---------------------------------------------------------------------------------------------------------- raise

    function test_Raise() public {
        uint64 deadline = _after(7 days);
        vm.expectEmit();
        emit IDisputes.Raised(3, 1, work, bob, alice, address(arbiter), BOND, deadline, CID);
        assertEq(_raise(), 1);
        IDisputes.Dispute memory dispute = disputes.disputeOf(1);
        assertEq(dispute.claimant, bob);
        assertEq(dispute.respondent, alice);
        assertEq(dispute.arbiter, address(arbiter));
        assertEq(dispute.assetId, work);
        assertEq(dispute.bond, BOND);
        assertEq(dispute.deadline, deadline);
        assertEq(uint8(dispute.status), uint8(IDisputes.Status.RAISED));
        assertEq(disputes.openDisputeOf(work), 1);
        assertEq(disputes.disputeCount(), 1);
        assertEq(disputes.eventSeq(), 3);
        assertEq(address(disputes).balance, BOND);
        assertEq(_frozenUntil(), deadline + 30 days);
        assertTrue(disputes.isFrozen(work));
    }

    function test_RaiseKeepsTheRespondent() public {
        uint256 disputeId = _raise();
        vm.prank(alice);
        registry.transferFrom(alice, stranger, work);
        assertEq(registry.ownerOf(work), stranger);
        _counter(disputeId);
        arbiter.rule(disputeId, IDisputes.Ruling.RESPONDENT);
        assertEq(disputes.withdrawableOf(alice), 2 * BOND);
    }

    function test_FreezeStopsSalesAndNothingElse() public {
        IMarket.Order memory order = _sell(alice, work, 1 ether, address(0));
        _raise();
        bytes memory frozen = abi.encodeWithSelector(IAssetRegistry.AssetFrozen.selector, work, _frozenUntil());
        vm.prank(alice);
        vm.expectRevert(frozen);
        registry.transferForSale(alice, bob, work, order.assetEpoch);
        vm.prank(alice);
        registry.transferFrom(alice, bob, work);
        assertEq(registry.ownerOf(work), bob);
    }

    function test_FreezeEndsAfterItsLastSecond() public {
        uint256 disputeId = _raise();
        uint64 until = _frozenUntil();
        vm.warp(until);
        assertTrue(disputes.isFrozen(work));
        vm.warp(uint256(until) + 1);
        assertFalse(disputes.isFrozen(work));
        assertEq(disputes.openDisputeOf(work), disputeId);
    }

    function test_TwoAssetsAreApart() public {
        uint256 other = _register(alice, "other");
        _raise();
        vm.prank(bob);
        disputes.raise{value: BOND}(other, CID);
        assertEq(disputes.openDisputeOf(work), 1);
        assertEq(disputes.openDisputeOf(other), 2);
        _counter(1);
        arbiter.rule(1, IDisputes.Ruling.RESPONDENT);
        assertFalse(disputes.isFrozen(work));
        assertTrue(disputes.isFrozen(other));
        assertEq(disputes.quietUntilOf(other), 0);
    }

    function test_RevertWhen_RaisedWithoutArbiter() public {
        registry = IRegistry(deployCode("AssetRegistry.sol:AssetRegistry", abi.encode(manager, payouts)));
        disputes = _deploy();
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ArbiterInvalid.selector, address(0)));
        _raise();
    }

    function test_RevertWhen_RaisedWithAnotherValue() public {
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BondMismatch.selector, BOND - 1, BOND));
        disputes.raise{value: BOND - 1}(work, CID);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BondMismatch.selector, BOND + 1, BOND));
        disputes.raise{value: BOND + 1}(work, CID);
    }

    function test_RevertWhen_EvidenceHasBadLength() public {
        bytes memory empty = abi.encodeWithSelector(IDisputes.CidLengthInvalid.selector, 0, 128);
        bytes memory tooLong = abi.encodeWithSelector(IDisputes.CidLengthInvalid.selector, 129, 128);
        string memory long = string(new bytes(129));
        vm.startPrank(bob);
        vm.expectRevert(empty);
        disputes.raise{value: BOND}(work, "");
        vm.expectRevert(tooLong);
        disputes.raise{value: BOND}(work, long);
        disputes.raise{value: BOND}(work, string(new bytes(128)));
        vm.startPrank(alice);
        vm.expectRevert(empty);
        disputes.counter{value: BOND}(1, "");
        vm.expectRevert(tooLong);
        disputes.counter{value: BOND}(1, long);
        disputes.counter{value: BOND}(1, string(new bytes(128)));
    }

    function test_RevertWhen_AssetIsUnknown() public {
        work = 99;
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.AssetUnknown.selector, 99));
        _raise();
    }

    function test_RevertWhen_OwnerRaises() public {
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ClaimantIsOwner.selector, work, alice));
        _raiseBy(alice);
    }

    function test_RevertWhen_DisputeIsOpen() public {
        uint256 disputeId = _raise();
        bytes memory open = abi.encodeWithSelector(IDisputes.DisputeOpen.selector, work, disputeId);
        vm.expectRevert(open);
        _raise();
        skip(365 days);
        vm.expectRevert(open);
        _raise();
    }

    function test_RevertWhen_RaisedWhileFrozen() public {
        uint256 disputeId = _countered();
        arbiter.rule(disputeId, IDisputes.Ruling.CLAIMANT);
        uint64 until = _frozenUntil();
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.AssetFrozen.selector, work, until));
        _raise();
        vm.warp(uint256(until) + 1);
        _raise();
    }

    function test_RevertWhen_RaisedInQuietPeriod() public {
        uint256 disputeId = _countered();
        arbiter.rule(disputeId, IDisputes.Ruling.RESPONDENT);
        uint64 until = disputes.quietUntilOf(work);
        assertEq(until, _after(30 days));
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.AssetQuiet.selector, work, until));
        _raiseBy(bob);
        vm.warp(uint256(until) + 1);
        assertEq(_raiseBy(bob), 2);
    }

    function test_RevertWhen_RegistryIsTiedToAnother() public {
        disputes = _deploy();
        arbiter = new OpenArbiter(disputes);
        vm.startPrank(admin);
        manager.setTargetFunctionRole(address(disputes), _one(IDisputes.setArbiter.selector), GOVERNOR);
        vm.stopPrank();
        _setArbiter(address(arbiter));
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.CallerNotDisputes.selector, address(disputes)));
        _raise();
    }

    function testFuzz_Raise(address claimant, uint96 newBond, uint32 late, uint8 length) public {
        vm.assume(claimant != alice && claimant != address(0) && claimant != address(disputes));
        string memory cid = string(new bytes(bound(length, 1, 128)));
        skip(late / 2);
        _setBond(uint96(bound(newBond, MIN_BOND, MAX_BOND)));
        vm.deal(claimant, bond);
        vm.prank(claimant);
        uint256 disputeId = disputes.raise{value: bond}(work, cid);
        IDisputes.Dispute memory dispute = disputes.disputeOf(disputeId);
        assertEq(dispute.claimant, claimant);
        assertEq(dispute.bond, bond);
        assertEq(dispute.deadline, block.timestamp + disputes.COUNTER_PERIOD());
        assertEq(address(disputes).balance, bond);
        assertTrue(disputes.isFrozen(work));
    }

    // -------------------------------------------------------------------------------------------------------- counter

    function test_Counter() public {
        uint256 disputeId = _raise();
        uint64 until = _frozenUntil();
        skip(3 days);
        vm.expectEmit();
        emit IDisputes.Countered(4, disputeId, _after(30 days), ANSWER);
        _counter(disputeId);
        IDisputes.Dispute memory dispute = disputes.disputeOf(disputeId);
        assertEq(uint8(dispute.status), uint8(IDisputes.Status.COUNTERED));
        assertEq(dispute.deadline, _after(30 days));
        assertEq(dispute.claimant, bob);
        assertEq(dispute.respondent, alice);
        assertEq(address(disputes).balance, 2 * BOND);
        assertEq(_frozenUntil(), until);
    }

    function test_CounterInTheLastSecond() public {
        uint256 disputeId = _raise();
        vm.warp(disputes.disputeOf(disputeId).deadline);
        _counter(disputeId);
        assertEq(uint8(disputes.disputeOf(disputeId).status), uint8(IDisputes.Status.COUNTERED));
    }

    function test_CounterPaysTheBondOfTheDispute() public {
        uint256 disputeId = _raise();
        _setBond(MAX_BOND);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BondMismatch.selector, MAX_BOND, BOND));
        disputes.counter{value: MAX_BOND}(disputeId, ANSWER);
        disputes.counter{value: BOND}(disputeId, ANSWER);
    }

    function test_RevertWhen_CounteredByAnother() public {
        uint256 disputeId = _raise();
        vm.prank(alice);
        registry.transferFrom(alice, stranger, work);
        vm.deal(stranger, BOND);
        for (uint256 i; i < 2; ++i) {
            address caller = i == 0 ? stranger : bob;
            vm.expectRevert(abi.encodeWithSelector(IDisputes.CallerNotRespondent.selector, disputeId, caller));
            vm.prank(caller);
            disputes.counter{value: BOND}(disputeId, ANSWER);
        }
    }

    function test_RevertWhen_CounteredInAnotherState() public {
        _expectStatus(1, IDisputes.Status.NONE);
        disputes.counter(1, ANSWER);
        uint256 disputeId = _countered();
        _expectStatus(disputeId, IDisputes.Status.COUNTERED);
        _counter(disputeId);
        arbiter.rule(disputeId, IDisputes.Ruling.SPLIT);
        _expectStatus(disputeId, IDisputes.Status.CLOSED);
        _counter(disputeId);
    }

    function test_RevertWhen_CounteredLate() public {
        uint256 disputeId = _raise();
        uint64 deadline = disputes.disputeOf(disputeId).deadline;
        _pass(disputeId);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DeadlinePassed.selector, disputeId, deadline));
        _counter(disputeId);
    }

    function test_RevertWhen_CounteredWithAnotherValue() public {
        uint256 disputeId = _raise();
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BondMismatch.selector, BOND - 1, BOND));
        disputes.counter{value: BOND - 1}(disputeId, ANSWER);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BondMismatch.selector, BOND + 1, BOND));
        disputes.counter{value: BOND + 1}(disputeId, ANSWER);
    }

    function testFuzz_Counter(uint256 wait, uint96 value, uint8 length) public {
        uint256 disputeId = _raise();
        wait = bound(wait, 0, 14 days);
        length = uint8(bound(length, 0, 200));
        if (value % 2 == 0) value = BOND;
        skip(wait);
        bool good = wait <= 7 days && value == BOND && length != 0 && length <= 128;
        vm.deal(alice, value);
        vm.prank(alice);
        (bool done,) = address(disputes).call{value: value}(
            abi.encodeCall(disputes.counter, (disputeId, string(new bytes(length))))
        );
        assertEq(done, good);
        assertEq(address(disputes).balance, good ? 2 * BOND : BOND);
    }

    // --------------------------------------------------------------------------------------------------------- settle

    function test_SettleRaised() public {
        uint256 disputeId = _raise();
        IDisputes.Settlement memory settlement = _settlement(disputeId, BOND / 5, BOND - BOND / 5);
        vm.expectEmit();
        emit IDisputes.Closed(
            4, disputeId, work, IDisputes.Outcome.SETTLED, BOND / 5, BOND - BOND / 5, _settledFreeze(0), TERMS
        );
        vm.prank(stranger);
        disputes.settle(settlement, _signed(bobKey, settlement), _signed(aliceKey, settlement));
        assertEq(disputes.withdrawableOf(bob), BOND / 5);
        assertEq(disputes.withdrawableOf(alice), BOND - BOND / 5);
        assertEq(disputes.openDisputeOf(work), 0);
        assertEq(disputes.quietUntilOf(work), 0);
        assertEq(_frozenUntil(), _settledFreeze(0));
    }

    function test_SettleCounteredKeepsFrozen() public {
        uint256 disputeId = _countered();
        IDisputes.Settlement memory settlement = _settlement(disputeId, 2 * BOND, 0);
        settlement.frozenUntil = _after(180 days);
        _settle(settlement);
        assertEq(disputes.withdrawableOf(bob), 2 * BOND);
        assertEq(disputes.withdrawableOf(alice), 0);
        assertEq(_frozenUntil(), settlement.frozenUntil);
        vm.prank(bob);
        disputes.release(disputeId);
        assertEq(_frozenUntil(), _releasedFreeze());
    }

    function test_SettleAfterTheDeadline() public {
        uint256 disputeId = _countered();
        _pass(disputeId);
        _settle(_settlement(disputeId, BOND, BOND));
        assertEq(uint8(disputes.disputeOf(disputeId).status), uint8(IDisputes.Status.CLOSED));
    }

    function test_SettleByContractAndCompactSignature() public {
        Wallet wallet = new Wallet(bob);
        vm.deal(address(wallet), BOND);
        uint256 disputeId = _raiseBy(address(wallet));
        IDisputes.Settlement memory settlement = _settlement(disputeId, 0, BOND);
        (bytes32 r, bytes32 vs) = vm.signCompact(aliceKey, disputes.hashOf(settlement));
        disputes.settle(settlement, _signed(bobKey, settlement), abi.encodePacked(r, vs));
        assertEq(disputes.withdrawableOf(alice), BOND);
    }

    /// @dev An account that delegates to code (EIP-7702) still signs with its key.
    function test_SettleByDelegatedAccount() public {
        uint256 disputeId = _raise();
        vm.etch(alice, abi.encodePacked(hex"ef0100", address(new Refuser(stranger))));
        _settle(_settlement(disputeId, 0, BOND));
        assertEq(disputes.withdrawableOf(alice), BOND);
    }

    function test_RevertWhen_SettledInAnotherState() public {
        IDisputes.Settlement memory settlement = _settlement(1, BOND, 0);
        _expectStatus(1, IDisputes.Status.NONE);
        disputes.settle(settlement, "", "");
        _raise();
        _settle(settlement);
        bytes memory byBob = _signed(bobKey, settlement);
        bytes memory byAlice = _signed(aliceKey, settlement);
        _expectStatus(1, IDisputes.Status.CLOSED);
        disputes.settle(settlement, byBob, byAlice);
    }

    function test_RevertWhen_SettledLate() public {
        IDisputes.Settlement memory settlement = _settlement(_raise(), BOND, 0);
        bytes memory byBob = _signed(bobKey, settlement);
        bytes memory byAlice = _signed(aliceKey, settlement);
        vm.warp(settlement.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.SettlementExpired.selector, settlement.deadline));
        disputes.settle(settlement, byBob, byAlice);
        vm.warp(settlement.deadline);
        disputes.settle(settlement, byBob, byAlice);
    }

    function test_RevertWhen_SettlementDoesNotSum() public {
        uint256 disputeId = _countered();
        uint256[2][5] memory parts = [
            [uint256(BOND), BOND - 1],
            [uint256(BOND), BOND + 1],
            [uint256(BOND), 0],
            [2 * uint256(BOND) + 1, type(uint256).max],
            [type(uint256).max, 2 * uint256(BOND) + 1]
        ];
        for (uint256 i; i < parts.length; ++i) {
            IDisputes.Settlement memory settlement = _settlement(disputeId, parts[i][0], parts[i][1]);
            bytes memory byBob = _signed(bobKey, settlement);
            bytes memory byAlice = _signed(aliceKey, settlement);
            vm.expectRevert(
                abi.encodeWithSelector(IDisputes.SettlementSumInvalid.selector, parts[i][0], 2 * uint256(BOND))
            );
            disputes.settle(settlement, byBob, byAlice);
        }
    }

    function test_RevertWhen_SettlementFreezesTooLong() public {
        IDisputes.Settlement memory settlement = _settlement(_raise(), BOND, 0);
        settlement.frozenUntil = _after(180 days) + 1;
        bytes memory byBob = _signed(bobKey, settlement);
        bytes memory byAlice = _signed(aliceKey, settlement);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputes.FreezeTooLong.selector, settlement.frozenUntil, _after(180 days))
        );
        disputes.settle(settlement, byBob, byAlice);
    }

    /// @dev Each field is signed: a change of any one breaks both signatures.
    function test_RevertWhen_SettlementWasNotSigned() public {
        uint256 disputeId = _countered();
        for (uint256 field; field < 5; ++field) {
            IDisputes.Settlement memory settlement = _settlement(disputeId, BOND, BOND);
            bytes memory byBob = _signed(bobKey, settlement);
            bytes memory byAlice = _signed(aliceKey, settlement);
            if (field == 0) (settlement.toClaimant, settlement.toRespondent) = (BOND + 1, BOND - 1);
            else if (field == 1) settlement.frozenUntil = 1;
            else if (field == 2) settlement.termsHash = 0;
            else if (field == 3) settlement.deadline += 1;
            else (byBob, byAlice) = (byAlice, byBob);
            vm.expectRevert(abi.encodeWithSelector(IDisputes.SignatureInvalid.selector, bob));
            disputes.settle(settlement, byBob, byAlice);
            bytes memory now_ = _signed(bobKey, settlement);
            vm.expectRevert(abi.encodeWithSelector(IDisputes.SignatureInvalid.selector, alice));
            disputes.settle(settlement, now_, field == 4 ? now_ : byAlice);
        }
    }

    function test_RevertWhen_SettlementIsOfAnotherDispute() public {
        uint256 other = _register(alice, "other");
        IDisputes.Settlement memory settlement = _settlement(_raise(), BOND, 0);
        bytes memory byBob = _signed(bobKey, settlement);
        bytes memory byAlice = _signed(aliceKey, settlement);
        vm.prank(bob);
        settlement.disputeId = disputes.raise{value: BOND}(other, CID);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.SignatureInvalid.selector, bob));
        disputes.settle(settlement, byBob, byAlice);
    }

    /// @dev The digest by hand, so that wallets and other languages can be held to it.
    function test_HashOf() public view {
        IDisputes.Settlement memory settlement = _settlement(7, 1, 2);
        bytes32 typehash = keccak256(
            "Settlement(uint256 disputeId,uint256 toClaimant,uint256 toRespondent,uint64 frozenUntil,bytes32 termsHash,uint256 deadline)"
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Tributary Disputes"),
                keccak256("1"),
                block.chainid,
                address(disputes)
            )
        );
        bytes32 structHash = keccak256(abi.encode(typehash, 7, 1, 2, 0, settlement.termsHash, settlement.deadline));
        assertEq(disputes.hashOf(settlement), keccak256(abi.encodePacked(hex"1901", domain, structHash)));
    }

    function testFuzz_Settle(bool countered, uint256 toClaimant, uint256 freeze, bytes32 terms) public {
        uint256 disputeId = countered ? _countered() : _raise();
        uint256 held = countered ? 2 * BOND : BOND;
        toClaimant = bound(toClaimant, 0, held);
        IDisputes.Settlement memory settlement = _settlement(disputeId, toClaimant, held - toClaimant);
        settlement.frozenUntil = uint64(bound(freeze, 0, block.timestamp + 180 days));
        settlement.termsHash = terms;
        _settle(settlement);
        assertEq(disputes.withdrawableOf(bob), toClaimant);
        assertEq(disputes.withdrawableOf(alice), held - toClaimant);
        assertEq(_frozenUntil(), _settledFreeze(settlement.frozenUntil));
    }

    // ----------------------------------------------------------------------------------------------------------- rule

    function test_RuleClaimant() public {
        uint256 disputeId = _countered();
        vm.expectEmit();
        emit IDisputes.Closed(5, disputeId, work, IDisputes.Outcome.CLAIMANT, 2 * BOND, 0, _after(180 days), bytes32(0));
        arbiter.rule(disputeId, IDisputes.Ruling.CLAIMANT);
        assertEq(disputes.withdrawableOf(bob), 2 * BOND);
        assertEq(disputes.withdrawableOf(alice), 0);
        assertEq(_frozenUntil(), _after(180 days));
        assertEq(disputes.disputeOf(disputeId).deadline, _after(180 days));
        assertEq(disputes.quietUntilOf(work), 0);
        assertEq(disputes.openDisputeOf(work), 0);
    }

    function test_RuleRespondent() public {
        uint256 disputeId = _countered();
        vm.expectEmit();
        emit IDisputes.Closed(5, disputeId, work, IDisputes.Outcome.RESPONDENT, 0, 2 * BOND, 0, bytes32(0));
        arbiter.rule(disputeId, IDisputes.Ruling.RESPONDENT);
        assertEq(disputes.withdrawableOf(alice), 2 * BOND);
        assertEq(disputes.withdrawableOf(bob), 0);
        assertFalse(disputes.isFrozen(work));
        assertEq(disputes.quietUntilOf(work), _after(30 days));
    }

    function test_RuleSplit() public {
        uint256 disputeId = _countered();
        vm.expectEmit();
        emit IDisputes.Closed(5, disputeId, work, IDisputes.Outcome.SPLIT, BOND, BOND, 0, bytes32(0));
        arbiter.rule(disputeId, IDisputes.Ruling.SPLIT);
        assertEq(disputes.withdrawableOf(alice), BOND);
        assertEq(disputes.withdrawableOf(bob), BOND);
        assertFalse(disputes.isFrozen(work));
    }

    function test_RuleInTheLastSecond() public {
        uint256 disputeId = _countered();
        vm.warp(disputes.disputeOf(disputeId).deadline);
        arbiter.rule(disputeId, IDisputes.Ruling.RESPONDENT);
        assertEq(disputes.withdrawableOf(alice), 2 * BOND);
    }

    function test_RevertWhen_RuledInAnotherState() public {
        _expectStatus(1, IDisputes.Status.NONE);
        arbiter.rule(1, IDisputes.Ruling.SPLIT);
        uint256 disputeId = _raise();
        _expectStatus(disputeId, IDisputes.Status.RAISED);
        arbiter.rule(disputeId, IDisputes.Ruling.SPLIT);
        _counter(disputeId);
        arbiter.rule(disputeId, IDisputes.Ruling.SPLIT);
        _expectStatus(disputeId, IDisputes.Status.CLOSED);
        arbiter.rule(disputeId, IDisputes.Ruling.CLAIMANT);
    }

    function test_RevertWhen_RuledLate() public {
        uint256 disputeId = _countered();
        uint64 deadline = disputes.disputeOf(disputeId).deadline;
        _pass(disputeId);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DeadlinePassed.selector, disputeId, deadline));
        arbiter.rule(disputeId, IDisputes.Ruling.CLAIMANT);
    }

    function test_RevertWhen_AnotherRules() public {
        uint256 disputeId = _countered();
        OpenArbiter later = new OpenArbiter(disputes);
        _setArbiter(address(later));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.CallerNotArbiter.selector, disputeId, address(later)));
        later.rule(disputeId, IDisputes.Ruling.CLAIMANT);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.CallerNotArbiter.selector, disputeId, governor));
        vm.prank(governor);
        disputes.rule(disputeId, IDisputes.Ruling.CLAIMANT);
        arbiter.rule(disputeId, IDisputes.Ruling.CLAIMANT);
    }

    function test_RevertWhen_RulingIsUnknown() public {
        uint256 disputeId = _countered();
        vm.prank(address(arbiter));
        (bool done,) = address(disputes).call(abi.encodeWithSelector(IDisputes.rule.selector, disputeId, 3));
        assertFalse(done);
    }

    function testFuzz_Rule(uint8 choice, uint256 wait, uint96 newBond) public {
        _setBond(uint96(bound(newBond, MIN_BOND, MAX_BOND)));
        uint256 disputeId = _countered();
        skip(bound(wait, 0, 30 days));
        IDisputes.Ruling ruling = IDisputes.Ruling(choice % 3);
        arbiter.rule(disputeId, ruling);
        uint256 toClaimant =
            ruling == IDisputes.Ruling.CLAIMANT ? 2 * uint256(bond) : ruling == IDisputes.Ruling.SPLIT ? bond : 0;
        assertEq(disputes.withdrawableOf(bob), toClaimant);
        assertEq(disputes.withdrawableOf(alice), 2 * uint256(bond) - toClaimant);
        assertEq(disputes.isFrozen(work), ruling == IDisputes.Ruling.CLAIMANT);
    }

    // -------------------------------------------------------------------------------------------------------- timeout

    function test_TimeoutByDefault() public {
        uint256 disputeId = _raise();
        uint64 until = _defaultFreeze(disputeId);
        _pass(disputeId);
        vm.expectEmit();
        emit IDisputes.Closed(4, disputeId, work, IDisputes.Outcome.DEFAULTED, BOND, 0, until, bytes32(0));
        vm.prank(stranger);
        disputes.timeout(disputeId);
        assertEq(disputes.withdrawableOf(bob), BOND);
        assertEq(disputes.withdrawableOf(alice), 0);
        assertEq(_frozenUntil(), until);
        assertEq(disputes.quietUntilOf(work), 0);
    }

    function test_TimeoutOfADeadArbiter() public {
        _setArbiter(address(new DeadArbiter(disputes)));
        uint256 disputeId = _countered();
        uint64 until = _expiredFreeze(disputeId);
        _pass(disputeId);
        vm.expectEmit();
        emit IDisputes.Closed(6, disputeId, work, IDisputes.Outcome.EXPIRED, BOND, BOND, until, bytes32(0));
        vm.prank(stranger);
        disputes.timeout(disputeId);
        assertEq(disputes.withdrawableOf(bob), BOND);
        assertEq(disputes.withdrawableOf(alice), BOND);
        assertEq(_frozenUntil(), until);
    }

    function test_RevertWhen_TimedOutInAnotherState() public {
        _expectStatus(1, IDisputes.Status.NONE);
        disputes.timeout(1);
        uint256 disputeId = _raise();
        _pass(disputeId);
        disputes.timeout(disputeId);
        _expectStatus(disputeId, IDisputes.Status.CLOSED);
        disputes.timeout(disputeId);
    }

    function test_RevertWhen_TimedOutEarly() public {
        uint256 disputeId = _raise();
        for (uint256 i; i < 2; ++i) {
            uint64 deadline = disputes.disputeOf(disputeId).deadline;
            vm.warp(deadline);
            vm.expectRevert(abi.encodeWithSelector(IDisputes.DeadlineNotPassed.selector, disputeId, deadline));
            disputes.timeout(disputeId);
            if (i == 0) _counter(disputeId);
        }
    }

    /// @dev At every second exactly one of going on and timing out is possible.
    function testFuzz_Timeout(bool countered, uint256 wait) public {
        uint256 disputeId = countered ? _countered() : _raise();
        wait = bound(wait, 0, 60 days);
        skip(wait);
        bool late = wait > (countered ? 30 days : 7 days);
        (bool done,) = address(disputes).call(abi.encodeCall(disputes.timeout, (disputeId)));
        assertEq(done, late);
        if (late) {
            assertEq(disputes.withdrawableOf(bob), BOND);
            assertEq(disputes.withdrawableOf(alice), countered ? BOND : 0);
        } else if (countered) {
            arbiter.rule(disputeId, IDisputes.Ruling.SPLIT);
        } else {
            _counter(disputeId);
        }
    }

    // -------------------------------------------------------------------------------------------------------- release

    function test_Release() public {
        uint256 disputeId = _countered();
        arbiter.rule(disputeId, IDisputes.Ruling.CLAIMANT);
        skip(10 days);
        vm.expectEmit();
        emit IDisputes.Released(6, disputeId, work);
        vm.prank(bob);
        disputes.release(disputeId);
        assertEq(_frozenUntil(), _releasedFreeze());
        assertEq(disputes.disputeOf(disputeId).deadline, 0);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingFrozen.selector, disputeId));
        vm.prank(bob);
        disputes.release(disputeId);
    }

    function test_ReleaseAfterDefault() public {
        uint256 disputeId = _raise();
        _pass(disputeId);
        disputes.timeout(disputeId);
        vm.prank(bob);
        disputes.release(disputeId);
        assertEq(_frozenUntil(), _releasedFreeze());
    }

    function test_RevertWhen_ReleasedWhileOpen() public {
        uint256 disputeId = _raise();
        _expectStatus(disputeId, IDisputes.Status.RAISED);
        vm.prank(bob);
        disputes.release(disputeId);
    }

    function test_RevertWhen_ReleasedByAnother() public {
        uint256 disputeId = _countered();
        arbiter.rule(disputeId, IDisputes.Ruling.CLAIMANT);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.CallerNotClaimant.selector, disputeId, alice));
        vm.prank(alice);
        disputes.release(disputeId);
    }

    function test_RevertWhen_NothingIsFrozen() public {
        uint256 disputeId = _countered();
        arbiter.rule(disputeId, IDisputes.Ruling.RESPONDENT);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingFrozen.selector, disputeId));
        vm.prank(bob);
        disputes.release(disputeId);
    }

    /// @dev An old freeze, run out, cannot free the asset of a newer dispute.
    function test_RevertWhen_ReleasedAfterItsFreeze() public {
        uint256 disputeId = _countered();
        arbiter.rule(disputeId, IDisputes.Ruling.CLAIMANT);
        vm.warp(uint256(_frozenUntil()) + 1);
        vm.deal(stranger, BOND);
        _raiseBy(stranger);
        uint64 until = _frozenUntil();
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingFrozen.selector, disputeId));
        vm.prank(bob);
        disputes.release(disputeId);
        assertEq(_frozenUntil(), until);
    }

    function testFuzz_Release(uint256 wait) public {
        uint256 disputeId = _countered();
        arbiter.rule(disputeId, IDisputes.Ruling.CLAIMANT);
        uint64 until = _frozenUntil();
        wait = bound(wait, 0, 400 days);
        skip(wait);
        bool good = wait <= _releasable();
        vm.prank(bob);
        (bool done,) = address(disputes).call(abi.encodeCall(disputes.release, (disputeId)));
        assertEq(done, good);
        assertEq(_frozenUntil(), good ? _releasedFreeze() : until);
    }

    // --------------------------------------------------------------------------------------------------- withdrawBond

    function test_WithdrawBond() public {
        uint256 disputeId = _countered();
        arbiter.rule(disputeId, IDisputes.Ruling.RESPONDENT);
        address to = makeAddr("to");
        vm.expectEmit();
        emit IDisputes.BondWithdrawn(6, alice, to, 2 * BOND);
        vm.prank(alice);
        assertEq(disputes.withdrawBond(to), 2 * BOND);
        assertEq(to.balance, 2 * BOND);
        assertEq(disputes.withdrawableOf(alice), 0);
        assertEq(address(disputes).balance, 0);
    }

    /// @dev Once at the end or after every dispute: the same.
    function test_WithdrawInPartsIsWithdrawAtOnce() public {
        uint256 state = vm.snapshotState();
        uint256 atOnce = _threeDisputes(false);
        vm.revertToState(state);
        assertEq(_threeDisputes(true), atOnce);
        assertEq(atOnce, 6 * BOND);
    }

    function _threeDisputes(bool inParts) private returns (uint256 taken) {
        for (uint256 i; i < 3; ++i) {
            uint256 disputeId = _countered();
            arbiter.rule(disputeId, IDisputes.Ruling.RESPONDENT);
            skip(31 days);
            if (!inParts && i != 2) continue;
            vm.prank(alice);
            taken += disputes.withdrawBond(alice);
        }
    }

    function test_RevertWhen_WithdrawnToNobody() public {
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ReceiverZero.selector));
        disputes.withdrawBond(address(0));
    }

    function test_RevertWhen_NothingToWithdraw() public {
        uint256 disputeId = _countered();
        bytes memory nothing = abi.encodeWithSelector(IDisputes.NothingToWithdraw.selector, bob);
        vm.startPrank(bob);
        vm.expectRevert(nothing);
        disputes.withdrawBond(bob);
        arbiter.rule(disputeId, IDisputes.Ruling.SPLIT);
        disputes.withdrawBond(bob);
        vm.expectRevert(nothing);
        disputes.withdrawBond(bob);
    }

    function test_RevertWhen_ReceiverRefuses() public {
        Refuser refuser = new Refuser(bob);
        uint256 disputeId = _countered();
        arbiter.rule(disputeId, IDisputes.Ruling.SPLIT);
        vm.startPrank(bob);
        vm.expectRevert();
        disputes.withdrawBond(address(refuser));
        assertEq(disputes.withdrawableOf(bob), BOND);
        disputes.withdrawBond(bob);
    }

    function test_WithdrawPaysOnceWhenReentered() public {
        Reenterer thief = new Reenterer(bob);
        vm.deal(address(thief), BOND);
        uint256 disputeId = _raiseBy(address(thief));
        _counter(disputeId);
        arbiter.rule(disputeId, IDisputes.Ruling.SPLIT);
        thief.arm(address(disputes), abi.encodeCall(disputes.withdrawBond, (address(thief))));
        vm.prank(address(thief));
        disputes.withdrawBond(address(thief));
        assertEq(thief.tries(), 1);
        assertFalse(thief.succeeded());
        assertEq(address(thief).balance, BOND);
        assertEq(address(disputes).balance, BOND);
    }

    /// @dev A party that cannot be paid holds nobody up: bonds are fetched, not sent.
    function test_RefusingPartyHoldsNobodyUp() public {
        Refuser refuser = new Refuser(bob);
        vm.deal(address(refuser), BOND);
        uint256 disputeId = _raiseBy(address(refuser));
        _counter(disputeId);
        _pass(disputeId);
        disputes.timeout(disputeId);
        vm.prank(alice);
        disputes.withdrawBond(alice);
        vm.prank(address(refuser));
        disputes.withdrawBond(bob);
        assertEq(address(disputes).balance, 0);
    }

    function test_ForcedCoinStays() public {
        new Forcer{value: 1 ether}(payable(address(disputes)));
        uint256 disputeId = _countered();
        arbiter.rule(disputeId, IDisputes.Ruling.RESPONDENT);
        vm.prank(alice);
        assertEq(disputes.withdrawBond(alice), 2 * BOND);
        assertEq(address(disputes).balance, 1 ether);
    }

    function test_RevertWhen_CoinIsSent() public {
        vm.prank(alice);
        (bool sent,) = address(disputes).call{value: 1}("");
        assertFalse(sent);
    }

    function testFuzz_WithdrawBond(uint256 toClaimant, address to) public {
        assumeNotPrecompile(to);
        assumeNotForgeAddress(to);
        vm.assume(to != address(0) && to.code.length == 0 && to != alice && to != bob);
        toClaimant = bound(toClaimant, 0, 2 * BOND);
        _settle(_settlement(_countered(), toClaimant, 2 * BOND - toClaimant));
        uint256 before = to.balance;
        vm.prank(bob);
        if (toClaimant == 0) vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingToWithdraw.selector, bob));
        disputes.withdrawBond(to);
        assertEq(to.balance - before, toClaimant);
        assertEq(address(disputes).balance, 2 * BOND - toClaimant);
    }

    // ----------------------------------------------------------------------------------------------------- parameters

    function test_SetBond() public {
        vm.expectEmit();
        emit IDisputes.BondSet(3, MAX_BOND);
        _setBond(MAX_BOND);
        assertEq(disputes.bond(), MAX_BOND);
    }

    function test_SetArbiter() public {
        uint256 disputeId = _raise();
        address later = address(new OpenArbiter(disputes));
        vm.expectEmit();
        emit IDisputes.ArbiterSet(4, later);
        _setArbiter(later);
        assertEq(disputes.arbiter(), later);
        assertEq(disputes.disputeOf(disputeId).arbiter, address(arbiter));
    }

    function test_RevertWhen_BondIsOutOfBounds() public {
        uint96[2] memory bad = [MIN_BOND - 1, MAX_BOND + 1];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDisputes.BondOutOfBounds.selector, bad[i], MIN_BOND, MAX_BOND));
            vm.prank(governor);
            disputes.setBond(bad[i]);
        }
    }

    function test_RevertWhen_ArbiterIsOfAnotherContract() public {
        address other = address(new OpenArbiter(IDisputes(stranger)));
        vm.startPrank(governor);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ArbiterInvalid.selector, other));
        disputes.setArbiter(other);
        vm.expectRevert();
        disputes.setArbiter(stranger);
        vm.expectRevert();
        disputes.setArbiter(address(token));
    }

    function test_RevertWhen_CallerIsNotGovernor() public {
        address[4] memory callers = [alice, engine, guardian, address(arbiter)];
        for (uint256 i; i < callers.length; ++i) {
            bytes memory refused = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, callers[i]);
            vm.startPrank(callers[i]);
            vm.expectRevert(refused);
            disputes.setBond(BOND);
            vm.expectRevert(refused);
            disputes.setArbiter(address(arbiter));
            vm.stopPrank();
        }
    }

    function testFuzz_SetBond(uint96 newBond) public {
        bool good = newBond >= MIN_BOND && newBond <= MAX_BOND;
        uint64 seq = disputes.eventSeq();
        vm.prank(governor);
        (bool done,) = address(disputes).call(abi.encodeCall(disputes.setBond, (newBond)));
        assertEq(done, good);
        assertEq(disputes.bond(), good ? newBond : BOND);
        assertEq(disputes.eventSeq(), good ? seq + 1 : seq);
    }

    function testFuzz_SetArbiter(address account) public {
        assumeNotPrecompile(account);
        vm.assume(account.code.length == 0);
        vm.mockCall(account, abi.encodeWithSelector(IArbiter.DISPUTES.selector), abi.encode(disputes));
        _setArbiter(account);
        assertEq(disputes.arbiter(), account);
    }

    // ---------------------------------------------------------------------------------------------------------- helpers

    function _expectStatus(uint256 disputeId, IDisputes.Status status) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputes.StatusIs.selector, disputeId, status));
    }

    /// @dev The last second of the freeze that each ending leaves.
    function _settledFreeze(uint64 signed) private pure returns (uint64) {
        return signed;
    }

    function _defaultFreeze(uint256 disputeId) private view returns (uint64) {
        return uint64(disputes.disputeOf(disputeId).deadline) + 1 + 30 days;
    }

    function _expiredFreeze(uint256) private pure returns (uint64) {
        return 0;
    }

    function _releasedFreeze() private pure returns (uint64) {
        return 0;
    }

    function _releasable() private pure returns (uint256) {
        return 180 days;
    }
}
