// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IArbiter} from "../src/interfaces/IArbiter.sol";
import {ICouncilArbiter} from "../src/interfaces/ICouncilArbiter.sol";
import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {IArbitrable, IArbitrator} from "../src/interfaces/IERC792.sol";
import {DisputesBase} from "./Disputes.t.sol";
import {HostileArbitrator, TestArbitrator} from "./mocks/DisputeMocks.sol";
import {Refuser} from "./mocks/Receivers.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

/// @notice The adapter, with what it says of itself.
interface IAdapter is IArbiter, IArbitrable {
    event Requested(uint256 indexed disputeId, uint256 indexed externalId);

    error NotBeforeThisArbiter(uint256 disputeId);
    error RequestedAlready(uint256 disputeId);
    error FeeTooLow(uint256 value, uint256 cost);
    error CallerNotArbitrator(address caller);
    error DisputeUnknown(uint256 externalId);
    error RulingUnknown(uint256 ruling);

    function request(uint256 disputeId) external payable returns (uint256 externalId);
    function CHOICES() external view returns (uint256);
    function ARBITRATOR() external view returns (IArbitrator);
    function extraData() external view returns (bytes memory);
    function disputeOf(uint256 externalId) external view returns (uint256);
    function isRequested(uint256 disputeId) external view returns (bool);
}

// constructor
// └── given a threshold of zero: it should revert
// vote
// ├── when the caller is no member: it should revert
// ├── given the dispute is not countered, or names another arbiter: it should revert
// ├── given the member voted the same: it should revert
// ├── given the member voted otherwise: it should move the vote
// ├── given the deadline has passed: it should revert, for the vote that would rule
// └── else: it should count
//     └── given the threshold is reached: it should rule, once
contract CouncilArbiterTest is DisputesBase {
    uint64 internal constant ARBITER = 4;

    ICouncilArbiter internal council;
    address[5] internal members;

    function setUp() public override {
        super.setUp();
        council = _council(3);
        _setArbiter(address(council));
        for (uint256 i; i < members.length; ++i) {
            members[i] = makeAddr(string(abi.encode("member", i)));
            vm.prank(admin);
            manager.grantRole(ARBITER, members[i], 0);
        }
    }

    function _council(uint256 threshold) private returns (ICouncilArbiter created) {
        created =
            ICouncilArbiter(deployCode("CouncilArbiter.sol:CouncilArbiter", abi.encode(manager, disputes, threshold)));
        vm.prank(admin);
        manager.setTargetFunctionRole(address(created), _one(ICouncilArbiter.vote.selector), ARBITER);
    }

    function _vote(uint256 member, uint256 disputeId, IDisputes.Ruling ruling) private {
        vm.prank(members[member]);
        council.vote(disputeId, ruling);
    }

    function test_Constructor() public view {
        assertEq(address(council.DISPUTES()), address(disputes));
        assertEq(council.THRESHOLD(), 3);
    }

    function test_RevertWhen_ThresholdIsZero() public {
        vm.expectRevert(abi.encodeWithSelector(ICouncilArbiter.ThresholdZero.selector));
        deployCode("CouncilArbiter.sol:CouncilArbiter", abi.encode(manager, disputes, 0));
    }

    function test_Vote() public {
        uint256 disputeId = _countered();
        (bool voted, IDisputes.Ruling ruling) = council.voteOf(disputeId, members[0]);
        assertFalse(voted);
        uint64 seq = council.eventSeq();
        vm.expectEmit();
        emit ICouncilArbiter.Voted(seq + 1, disputeId, members[0], IDisputes.Ruling.RESPONDENT, 1);
        _vote(0, disputeId, IDisputes.Ruling.RESPONDENT);
        (voted, ruling) = council.voteOf(disputeId, members[0]);
        assertTrue(voted);
        assertEq(uint8(ruling), uint8(IDisputes.Ruling.RESPONDENT));
        assertEq(council.votesFor(disputeId, IDisputes.Ruling.RESPONDENT), 1);
        assertEq(uint8(disputes.disputeOf(disputeId).status), uint8(IDisputes.Status.COUNTERED));
    }

    function test_ThresholdRules() public {
        uint256 disputeId = _countered();
        _vote(0, disputeId, IDisputes.Ruling.CLAIMANT);
        _vote(1, disputeId, IDisputes.Ruling.SPLIT);
        _vote(2, disputeId, IDisputes.Ruling.CLAIMANT);
        assertEq(disputes.withdrawableOf(bob), 0);
        _vote(3, disputeId, IDisputes.Ruling.CLAIMANT);
        assertEq(disputes.withdrawableOf(bob), 2 * BOND);
        vm.expectRevert(abi.encodeWithSelector(ICouncilArbiter.NotBeforeTheCouncil.selector, disputeId));
        _vote(4, disputeId, IDisputes.Ruling.CLAIMANT);
    }

    /// @dev Two minds changed count as two votes, not four.
    function test_VoteMoves() public {
        uint256 disputeId = _countered();
        _vote(0, disputeId, IDisputes.Ruling.CLAIMANT);
        _vote(1, disputeId, IDisputes.Ruling.CLAIMANT);
        _vote(0, disputeId, IDisputes.Ruling.SPLIT);
        _vote(1, disputeId, IDisputes.Ruling.SPLIT);
        assertEq(council.votesFor(disputeId, IDisputes.Ruling.CLAIMANT), 0);
        assertEq(council.votesFor(disputeId, IDisputes.Ruling.SPLIT), 2);
        _vote(2, disputeId, IDisputes.Ruling.CLAIMANT);
        assertEq(uint8(disputes.disputeOf(disputeId).status), uint8(IDisputes.Status.COUNTERED));
        _vote(2, disputeId, IDisputes.Ruling.SPLIT);
        assertEq(disputes.withdrawableOf(bob), BOND);
    }

    function test_DisputesAreApart() public {
        uint256 other = _register(alice, "other");
        uint256 first = _countered();
        vm.prank(bob);
        uint256 second = disputes.raise{value: BOND}(other, CID);
        _counter(second);
        _vote(0, first, IDisputes.Ruling.CLAIMANT);
        _vote(1, first, IDisputes.Ruling.CLAIMANT);
        _vote(2, second, IDisputes.Ruling.CLAIMANT);
        assertEq(uint8(disputes.disputeOf(first).status), uint8(IDisputes.Status.COUNTERED));
        assertEq(council.votesFor(second, IDisputes.Ruling.CLAIMANT), 1);
    }

    function test_CouncilOfOne() public {
        council = _council(1);
        _setArbiter(address(council));
        uint256 disputeId = _countered();
        _vote(0, disputeId, IDisputes.Ruling.RESPONDENT);
        assertEq(disputes.withdrawableOf(alice), 2 * BOND);
    }

    function test_RevertWhen_VotedTheSame() public {
        uint256 disputeId = _countered();
        _vote(0, disputeId, IDisputes.Ruling.SPLIT);
        vm.expectRevert(
            abi.encodeWithSelector(ICouncilArbiter.VotedAlready.selector, disputeId, members[0], IDisputes.Ruling.SPLIT)
        );
        _vote(0, disputeId, IDisputes.Ruling.SPLIT);
    }

    function test_RevertWhen_NotBeforeTheCouncil() public {
        bytes memory refused = abi.encodeWithSelector(ICouncilArbiter.NotBeforeTheCouncil.selector, 1);
        vm.expectRevert(refused);
        _vote(0, 1, IDisputes.Ruling.SPLIT);
        _raise();
        vm.expectRevert(refused);
        _vote(0, 1, IDisputes.Ruling.SPLIT);
        _counter(1);
        council = _council(1);
        vm.expectRevert(refused);
        _vote(0, 1, IDisputes.Ruling.SPLIT);
    }

    function test_RevertWhen_RuledByVotesTooLate() public {
        uint256 disputeId = _countered();
        uint64 deadline = disputes.disputeOf(disputeId).deadline;
        _vote(0, disputeId, IDisputes.Ruling.SPLIT);
        _vote(1, disputeId, IDisputes.Ruling.SPLIT);
        _pass(disputeId);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DeadlinePassed.selector, disputeId, deadline));
        _vote(2, disputeId, IDisputes.Ruling.SPLIT);
    }

    function test_RevertWhen_VoterIsNoMember() public {
        uint256 disputeId = _countered();
        address[4] memory callers = [alice, governor, guardian, admin];
        for (uint256 i; i < callers.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, callers[i]));
            vm.prank(callers[i]);
            council.vote(disputeId, IDisputes.Ruling.SPLIT);
        }
        vm.prank(admin);
        manager.revokeRole(ARBITER, members[0]);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, members[0]));
        _vote(0, disputeId, IDisputes.Ruling.SPLIT);
    }

    /// @dev Any votes in any order: what is counted is what each member said last, and the first three alike rule.
    function testFuzz_Vote(uint256 seed) public {
        uint256 disputeId = _countered();
        uint8[5] memory said;
        for (uint256 step; step < 24; ++step) {
            uint256 member = uint256(keccak256(abi.encode(seed, step, "member"))) % 5;
            uint8 ruling = uint8(uint256(keccak256(abi.encode(seed, step, "ruling"))) % 3);
            if (said[member] == ruling + 1) continue;
            said[member] = ruling + 1;
            _vote(member, disputeId, IDisputes.Ruling(ruling));
            uint256 votes = _count(said, ruling);
            assertEq(council.votesFor(disputeId, IDisputes.Ruling(ruling)), votes);
            bool closed = disputes.disputeOf(disputeId).status == IDisputes.Status.CLOSED;
            assertEq(closed, votes == 3);
            if (closed) return;
        }
    }

    function _count(uint8[5] memory said, uint8 ruling) private pure returns (uint256 votes) {
        for (uint256 i; i < said.length; ++i) {
            if (said[i] == ruling + 1) ++votes;
        }
    }
}

// request
// ├── given the dispute is not countered, or names another arbiter: it should revert
// ├── given it was asked for before: it should revert
// ├── when less than the fee is sent: it should revert
// ├── given the arbitrator calls back: it should ask once, and take no ruling before its time
// ├── given the caller refuses what is left over: it should revert
// └── else: it should open a case of two choices, pay the fee, and return the rest
// rule
// ├── when the caller is not the arbitrator: it should revert
// ├── given the case is unknown: it should revert
// ├── when the ruling is none of 0, 1, 2: it should revert
// ├── given the dispute has ended without it: it should change nothing
// └── else: 0 SPLIT, 1 CLAIMANT, 2 RESPONDENT
contract ERC792ArbiterTest is DisputesBase {
    bytes internal constant EXTRA = hex"c0ffee";
    uint256 internal constant COST = 0.01 ether;

    TestArbitrator internal arbitrator;
    IAdapter internal adapter;

    function setUp() public override {
        super.setUp();
        arbitrator = new TestArbitrator();
        adapter = _adapter(arbitrator);
        vm.deal(stranger, 1 ether);
    }

    function _adapter(IArbitrator of_) private returns (IAdapter created) {
        created = IAdapter(deployCode("ERC792Arbiter.sol:ERC792Arbiter", abi.encode(disputes, of_, EXTRA)));
        _setArbiter(address(created));
    }

    function _request(uint256 disputeId) private returns (uint256) {
        vm.prank(stranger);
        return adapter.request{value: COST}(disputeId);
    }

    function test_Constructor() public view {
        assertEq(address(adapter.DISPUTES()), address(disputes));
        assertEq(address(adapter.ARBITRATOR()), address(arbitrator));
        assertEq(adapter.extraData(), EXTRA);
        assertEq(adapter.CHOICES(), 2);
    }

    function test_Request() public {
        uint256 disputeId = _countered();
        vm.expectEmit(true, true, false, false, address(adapter));
        emit IAdapter.Requested(disputeId, 0);
        vm.prank(stranger);
        assertEq(adapter.request{value: 1 ether}(disputeId), 0);
        assertEq(stranger.balance, 1 ether - COST);
        assertEq(address(arbitrator).balance, COST);
        assertEq(address(adapter).balance, 0);
        assertEq(arbitrator.choices(), 2);
        assertEq(arbitrator.extraData(), EXTRA);
        assertEq(adapter.disputeOf(0), disputeId);
        assertTrue(adapter.isRequested(disputeId));
        assertEq(address(disputes).balance, 2 * BOND);
    }

    function test_RequestWithoutFee() public {
        arbitrator.setCost(0);
        uint256 disputeId = _countered();
        adapter.request(disputeId);
        assertTrue(adapter.isRequested(disputeId));
    }

    function test_RevertWhen_NotBeforeThisArbiter() public {
        bytes memory refused = abi.encodeWithSelector(IAdapter.NotBeforeThisArbiter.selector, 1);
        vm.expectRevert(refused);
        _request(1);
        _raise();
        vm.expectRevert(refused);
        _request(1);
        _counter(1);
        adapter = _adapter(arbitrator);
        vm.expectRevert(refused);
        _request(1);
    }

    function test_RevertWhen_RequestedAlready() public {
        uint256 disputeId = _countered();
        _request(disputeId);
        vm.expectRevert(abi.encodeWithSelector(IAdapter.RequestedAlready.selector, disputeId));
        _request(disputeId);
    }

    function test_RevertWhen_FeeIsTooLow() public {
        uint256 disputeId = _countered();
        vm.expectRevert(abi.encodeWithSelector(IAdapter.FeeTooLow.selector, COST - 1, COST));
        vm.prank(stranger);
        adapter.request{value: COST - 1}(disputeId);
        assertFalse(adapter.isRequested(disputeId));
    }

    function test_RevertWhen_CallerRefusesTheRest() public {
        uint256 disputeId = _countered();
        Refuser refuser = new Refuser(bob);
        vm.deal(address(refuser), 1 ether);
        vm.expectRevert();
        vm.prank(address(refuser));
        adapter.request{value: COST + 1}(disputeId);
        vm.prank(address(refuser));
        adapter.request{value: COST}(disputeId);
        assertTrue(adapter.isRequested(disputeId));
    }

    function test_RequestOnceWhenReentered() public {
        HostileArbitrator hostile = new HostileArbitrator();
        adapter = _adapter(hostile);
        uint256 disputeId = _countered();
        hostile.arm(abi.encodeCall(adapter.request, (disputeId)));
        _request(disputeId);
        assertFalse(hostile.succeeded());
        assertEq(hostile.disputes(), 1);
    }

    /// @dev A case that the adapter has not noted yet cannot be ruled on.
    function test_NoRulingWhileRequesting() public {
        HostileArbitrator hostile = new HostileArbitrator();
        adapter = _adapter(hostile);
        uint256 disputeId = _countered();
        hostile.arm(abi.encodeCall(adapter.rule, (0, 1)));
        _request(disputeId);
        assertFalse(hostile.succeeded());
        assertEq(uint8(disputes.disputeOf(disputeId).status), uint8(IDisputes.Status.COUNTERED));
    }

    function test_RulingsAreMapped() public {
        IDisputes.Outcome[3] memory outcomes =
            [IDisputes.Outcome.SPLIT, IDisputes.Outcome.CLAIMANT, IDisputes.Outcome.RESPONDENT];
        uint256[3] memory toBob = [uint256(BOND), 2 * uint256(BOND), 0];
        uint256 state = vm.snapshotState();
        for (uint256 ruling; ruling < 3; ++ruling) {
            uint256 disputeId = _countered();
            uint256 externalId = _request(disputeId);
            uint64 until = ruling == 1 ? _after(180 days) : 0;
            vm.expectEmit();
            emit IArbitrable.Ruling(arbitrator, externalId, ruling);
            vm.expectEmit();
            emit IDisputes.Closed(
                disputes.eventSeq() + 1,
                disputeId,
                work,
                outcomes[ruling],
                toBob[ruling],
                2 * BOND - toBob[ruling],
                until,
                bytes32(0)
            );
            arbitrator.give(adapter, externalId, ruling);
            assertEq(disputes.withdrawableOf(bob), toBob[ruling]);
            vm.revertToState(state);
        }
    }

    function test_RevertWhen_CallerIsNotArbitrator() public {
        uint256 externalId = _request(_countered());
        vm.expectRevert(abi.encodeWithSelector(IAdapter.CallerNotArbitrator.selector, alice));
        vm.prank(alice);
        adapter.rule(externalId, 2);
    }

    function test_RevertWhen_CaseIsUnknown() public {
        _request(_countered());
        vm.expectRevert(abi.encodeWithSelector(IAdapter.DisputeUnknown.selector, 1));
        arbitrator.give(adapter, 1, 2);
    }

    function test_RevertWhen_RulingIsUnknown() public {
        uint256 externalId = _request(_countered());
        vm.expectRevert(abi.encodeWithSelector(IAdapter.RulingUnknown.selector, 3));
        arbitrator.give(adapter, externalId, 3);
    }

    /// @dev A fee that rises, or an arbitrator that never rules: the dispute ends by time.
    function test_SilentArbitratorHoldsNobodyUp() public {
        uint256 disputeId = _countered();
        uint256 externalId = _request(disputeId);
        _pass(disputeId);
        disputes.timeout(disputeId);
        assertEq(disputes.withdrawableOf(alice), BOND);
        (bool done,) = address(arbitrator).call(abi.encodeCall(arbitrator.give, (adapter, externalId, 1)));
        done;
        assertEq(disputes.withdrawableOf(bob), BOND);
        assertEq(uint8(disputes.disputeOf(disputeId).status), uint8(IDisputes.Status.CLOSED));
    }

    function testFuzz_Request(uint96 cost, uint96 value) public {
        uint256 disputeId = _countered();
        arbitrator.setCost(cost);
        vm.deal(stranger, value);
        vm.prank(stranger);
        (bool done,) = address(adapter).call{value: value}(abi.encodeCall(adapter.request, (disputeId)));
        assertEq(done, value >= cost);
        assertEq(stranger.balance, done ? value - cost : value);
        assertEq(address(adapter).balance, 0);
    }

    function testFuzz_Rule(uint256 externalId, uint256 ruling) public {
        externalId = bound(externalId, 0, 1);
        ruling = bound(ruling, 0, 4);
        uint256 disputeId = _countered();
        _request(disputeId);
        (bool done,) = address(arbitrator).call(abi.encodeCall(arbitrator.give, (adapter, externalId, ruling)));
        assertEq(done, externalId == 0 && ruling <= 2);
        assertEq(disputes.disputeOf(disputeId).status == IDisputes.Status.CLOSED, done);
    }
}
