// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {IPot} from "../src/interfaces/IPot.sol";
import {IRoyaltyInbox} from "../src/interfaces/IRoyaltyInbox.sol";
import {BaseTest} from "./Base.t.sol";
import {BlockingToken, FeeToken, HookToken, NoReturnToken} from "./mocks/OddTokens.sol";
import {Reenterer, Refuser} from "./mocks/Receivers.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

// fund
// ├── when the value is not the amount in native coin, or not zero with a token: it should revert
// ├── when nothing arrives: it should revert
// ├── given a token that calls back, or another payment inside its code: it should count each payment once
// ├── given a token that keeps a part: it should move what arrived on to where claims are paid from
// └── else: it should move the money to the pot, and say what arrived
// receive
// ├── when it does not come from the pot: it should revert
// └── else: it should accept
// Pot.release
// ├── when the caller is not Payouts: it should revert
// └── else: it should move what there is of the money to Payouts, and say what arrived
// propose
// ├── when the caller is not ENGINE, or a root is pending: it should revert
// ├── when the root is zero, there are more than 32 totals, they do not ascend, or there is little gas: it should revert
// ├── when a total is below what is declared: it should keep what is declared
// ├── when a total is above what the pot holds, or 128 bits, or its token fails: it should pass over what is beyond
// └── else: it should wait for the delay, and change nothing else
// activate
// ├── given no root is pending, or the delay still runs: it should revert
// ├── when there is little gas: it should revert
// ├── given a token fails, or moves less: it should pass over what is missing until a later root names it
// └── else: it should be the active root, keep the one before for the grace period, and fetch what it declares
// veto
// ├── when the caller is not GUARDIAN, or no root is pending: it should revert
// └── else: it should end the pending root, which never becomes active
// claim, claimMany
// ├── when it is not proven by the active root, or the one before within its grace: it should revert
// ├── given all of it was paid: it should revert, and in claimMany pass over it
// ├── given the root promises more than it declared, or the receiver refuses: it should revert
// ├── given the receiver calls back: it should be paid once
// └── else: it should pay the difference to the account or its payout address, whoever asks
// setPayoutAddress
// └── it should pay there from now on; zero is the account itself
// setDelay
// ├── when the caller is not GOVERNOR, or one of the two is out of bounds: it should revert
// └── else: it should hold for the next root
// deployInbox
// ├── given it is deployed: it should return it
// └── else: it should deploy the asset's clone at the address known before
// RoyaltyInbox.sweep
// ├── given it is no clone, or holds nothing: it should revert
// └── else: it should fund its own asset with all it holds
contract PayoutsTest is BaseTest {
    bytes32 internal constant ROOT = keccak256("root");

    // ----------------------------------------------------------------------------------------------------------- fund

    function test_FundNative() public {
        vm.expectEmit();
        emit IPayouts.Funded(2, 7, address(0), alice, 1 ether, "licence", false);
        vm.prank(alice);
        assertEq(payouts.fund{value: 1 ether}(7, address(0), 1 ether, "licence"), 1 ether);
        assertEq(payouts.pot().balance, 1 ether);
        assertEq(address(payouts).balance, 0);
    }

    function test_FundToken() public {
        vm.prank(alice);
        assertEq(payouts.fund(7, address(token), 100, "licence"), 100);
        assertEq(token.balanceOf(payouts.pot()), 100);
    }

    /// @dev It keeps a part of the payment and one of its way to Payouts; what is counted then can be claimed in full.
    function test_FundCountsWhatArrives() public {
        FeeToken odd = new FeeToken();
        odd.mint(alice, 1000);
        vm.startPrank(alice);
        odd.approve(address(payouts), 1000);
        vm.expectEmit();
        emit IPayouts.Funded(2, 7, address(odd), alice, 981, "licence", true);
        assertEq(payouts.fund(7, address(odd), 1000, "licence"), 981);
        vm.stopPrank();
        assertEq(odd.balanceOf(payouts.pot()), 0);
        assertEq(odd.balanceOf(address(payouts)), 981);
        _activate(_leaf(_due(bob, address(odd), 981)), new IPayouts.Total[](0));
        assertEq(payouts.claim(bob, address(odd), 981, new bytes32[](0)), 981);
        assertEq(odd.balanceOf(address(payouts)), 0);
    }

    /// @dev Another contract pays into the pot inside the token's own code, with means of its own.
    function testFuzz_FundCountsNoOtherPayment(uint96 amount, uint96 nested) public {
        amount = uint96(bound(amount, 1, type(uint96).max));
        HookToken odd = new HookToken();
        odd.mint(alice, amount);
        odd.mint(address(odd), nested);
        odd.arm(address(odd), abi.encodeCall(odd.transfer, (payouts.pot(), nested)));
        vm.startPrank(alice);
        odd.approve(address(payouts), amount);
        vm.expectEmit();
        emit IPayouts.Funded(2, 1, address(odd), alice, amount, "once", false);
        assertEq(payouts.fund(1, address(odd), amount, "once"), amount);
        assertTrue(odd.succeeded());
        assertEq(odd.balanceOf(payouts.pot()), uint256(amount) + nested);
    }

    function test_FundTokenWithoutReturnValue() public {
        NoReturnToken odd = new NoReturnToken();
        odd.mint(alice, 1000);
        vm.startPrank(alice);
        odd.approve(address(payouts), 1000);
        assertEq(payouts.fund(7, address(odd), 1000, "licence"), 1000);
    }

    function test_FundCannotBeCountedTwiceByReentering() public {
        HookToken odd = new HookToken();
        odd.mint(address(odd), 1000);
        odd.mint(alice, 1000);
        vm.prank(address(odd));
        odd.approve(address(payouts), 1000);
        odd.arm(address(payouts), abi.encodeCall(payouts.fund, (1, address(odd), 1000, "twice")));
        vm.startPrank(alice);
        odd.approve(address(payouts), 1000);
        payouts.fund(1, address(odd), 1000, "once");
        assertFalse(odd.succeeded());
        assertEq(odd.balanceOf(payouts.pot()), 1000);
        assertEq(payouts.eventSeq(), 2);
    }

    function test_RevertWhen_FundedWithNothing() public {
        vm.expectRevert(abi.encodeWithSelector(IPayouts.AmountZero.selector));
        payouts.fund(1, address(0), 0, "");
        vm.expectRevert(abi.encodeWithSelector(IPayouts.AmountZero.selector));
        payouts.fund(1, address(token), 0, "");
    }

    /// @dev Whoever makes a token could pay in so much of it that sums overflow.
    function test_RevertWhen_FundedWithMoreThan128Bits() public {
        uint256 most = type(uint128).max;
        token.mint(alice, most + 1);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.AmountTooLarge.selector, most + 1));
        payouts.fund(1, address(token), most + 1, "");
        assertEq(payouts.fund(1, address(token), most, ""), most);
    }

    function test_RevertWhen_ValueDiffers() public {
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.ValueMismatch.selector, 1, 2));
        payouts.fund{value: 1}(1, address(0), 2, "");
        vm.expectRevert(abi.encodeWithSelector(IPayouts.ValueMismatch.selector, 1, 0));
        payouts.fund{value: 1}(1, address(token), 2, "");
    }

    function test_RevertWhen_NativeCoinComesFromElsewhere() public {
        (bool sent, bytes memory reason) = address(payouts).call{value: 1}("");
        assertFalse(sent);
        assertEq(reason, abi.encodeWithSelector(IPayouts.CallerNotPot.selector, address(this)));
    }

    function testFuzz_OnlyThePotSendsNativeCoin(address sender, uint96 amount) public {
        sender = uint160(sender) % 2 == 0 ? payouts.pot() : sender;
        vm.assume(sender != address(payouts));
        vm.deal(sender, amount);
        vm.prank(sender);
        (bool sent,) = address(payouts).call{value: amount}("");
        assertEq(sent, sender == payouts.pot());
        assertEq(address(payouts).balance, sent ? amount : 0);
    }

    /// @dev The pot takes what anyone sends, and gives it to Payouts alone, when Payouts asks.
    function testFuzz_Release(address caller, uint96 held, uint96 amount, bool native) public {
        IPot pot = IPot(payouts.pot());
        caller = uint160(caller) % 4 == 0 ? caller : address(payouts);
        token.mint(address(pot), held);
        vm.deal(alice, held);
        vm.prank(alice);
        (bool taken,) = address(pot).call{value: held}("");
        assertTrue(taken);
        bool allowed = caller == address(payouts);
        uint256 moved = !allowed ? 0 : amount < held ? amount : held;
        if (!allowed) vm.expectRevert(abi.encodeWithSelector(IPot.CallerNotPayouts.selector, caller));
        vm.prank(caller);
        assertEq(pot.release(native ? address(0) : address(token), amount), moved);
        assertEq(address(pot).balance, native ? held - moved : held);
        assertEq(address(payouts).balance, native ? moved : 0);
        assertEq(token.balanceOf(address(pot)), native ? held : held - moved);
        assertEq(token.balanceOf(address(payouts)), native ? 0 : moved);
    }

    function test_RevertWhen_PotIsEmptiedByAnother() public {
        IPot pot = IPot(payouts.pot());
        vm.expectRevert(abi.encodeWithSelector(IPot.CallerNotPayouts.selector, engine));
        vm.prank(engine);
        pot.release(address(0), 0);
    }

    function testFuzz_Fund(uint256 assetId, uint96 amount, bool native, bytes32 reason) public {
        vm.assume(amount != 0);
        address currency = native ? address(0) : address(token);
        vm.deal(alice, amount);
        token.mint(alice, amount);
        vm.expectEmit();
        emit IPayouts.Funded(2, assetId, currency, alice, amount, reason, false);
        vm.prank(alice);
        assertEq(payouts.fund{value: native ? amount : 0}(assetId, currency, amount, reason), amount);
        assertEq(native ? payouts.pot().balance : token.balanceOf(payouts.pot()), amount);
    }

    /// @dev What no total can say is passed over, and harms no other token.
    function test_WhatIsBeyond128BitsIsPassedOver() public {
        uint256 most = type(uint128).max;
        token.mint(payouts.pot(), most + 1);
        _fundNative(1, 10);
        vm.expectEmit();
        emit IPayouts.TotalPassedOver(3, 1, address(token), 1);
        _activate(ROOT, _two(address(token), most + 1, 10));
        assertEq(payouts.tallyOf(address(token)).declared, most);
        assertEq(payouts.tallyOf(address(0)).declared, 10);
        _activate("second", _two(address(token), type(uint256).max, 10));
        assertEq(payouts.tallyOf(address(token)).declared, most);
    }

    // ---------------------------------------------------------------------------------------------------------- roots

    function test_RootLifecycle() public {
        _fundNative(1, 10);
        vm.expectEmit();
        emit IPayouts.RootProposed(3, 1, ROOT, CID, 42, _total(address(0), 10), uint64(block.timestamp) + DELAY);
        vm.prank(engine);
        assertEq(payouts.propose(ROOT, CID, 42, _total(address(0), 10)), 1);
        (bytes32 root, uint64 number, uint64 at) = payouts.pendingRoot();
        assertEq(root, ROOT);
        assertEq(number, 1);
        assertEq(at, block.timestamp + DELAY);
        assertEq(payouts.activeRoot(), 0);
        assertEq(payouts.tallyOf(address(0)).declared, 0);

        skip(DELAY);
        vm.expectEmit();
        emit IPayouts.RootActivated(4, 1, ROOT, uint64(block.timestamp) + GRACE);
        vm.prank(stranger);
        payouts.activate();
        assertEq(payouts.activeRoot(), ROOT);
        assertEq(payouts.tallyOf(address(0)).declared, 10);
        assertEq(address(payouts).balance, 10);
        (root, number, at) = payouts.pendingRoot();
        assertEq(root, 0);
        assertEq(number, 0);
        assertEq(at, 0);

        _activate("second", _total(address(0), 10));
        (bytes32 previous, uint64 until) = payouts.previousRoot();
        assertEq(previous, ROOT);
        assertEq(until, block.timestamp + GRACE);
        assertEq(payouts.eventSeq(), 6);
    }

    function test_Veto() public {
        _fundNative(1, 10);
        _propose(ROOT, _total(address(0), 10));
        vm.expectEmit();
        emit IPayouts.RootVetoed(4, 1, ROOT);
        vm.prank(guardian);
        payouts.veto();
        skip(DELAY);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.RootNotPending.selector));
        payouts.activate();
        assertEq(payouts.tallyOf(address(0)).declared, 0);

        // What the refused root declared does not come back with a later root that leaves the token out.
        _activate("second", new IPayouts.Total[](0));
        assertEq(payouts.tallyOf(address(0)).declared, 0);
        (, uint64 number,) = payouts.pendingRoot();
        assertEq(number, 0);
        assertEq(_propose("third", _total(address(0), 1)), 3);
    }

    function test_RevertWhen_RootIsPending() public {
        _propose(ROOT, new IPayouts.Total[](0));
        vm.expectRevert(abi.encodeWithSelector(IPayouts.RootPending.selector, 1));
        _propose("second", new IPayouts.Total[](0));
        skip(DELAY);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.RootPending.selector, 1));
        _propose("second", new IPayouts.Total[](0));
    }

    function test_RevertWhen_ActivatedEarly() public {
        vm.expectRevert(abi.encodeWithSelector(IPayouts.RootNotPending.selector));
        payouts.activate();
        _propose(ROOT, new IPayouts.Total[](0));
        uint256 at = block.timestamp + DELAY;
        skip(DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.RootNotActivatable.selector, at));
        payouts.activate();
    }

    function test_RevertWhen_NothingToVeto() public {
        vm.expectRevert(abi.encodeWithSelector(IPayouts.RootNotPending.selector));
        vm.prank(guardian);
        payouts.veto();
    }

    function test_RevertWhen_ProposalIsWrong() public {
        _fundNative(1, 10);
        _activate(ROOT, _total(address(0), 5));
        vm.startPrank(engine);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.RootZero.selector));
        payouts.propose(0, CID, 0, _total(address(0), 5));
        vm.expectRevert(abi.encodeWithSelector(IPayouts.TotalsTooMany.selector, 33, 32));
        payouts.propose("second", CID, 0, new IPayouts.Total[](33));
        IPayouts.Total[] memory totals = new IPayouts.Total[](2);
        totals[0].amount = 5;
        totals[1].amount = 5;
        vm.expectRevert(abi.encodeWithSelector(IPayouts.TotalsNotAscending.selector, 1));
        payouts.propose("second", CID, 0, totals);
    }

    function test_ProposeForManyTokens() public {
        IPayouts.Total[] memory totals = new IPayouts.Total[](32);
        for (uint256 i; i < 32; ++i) {
            totals[i].token = address(uint160(i));
        }
        _activate(ROOT, totals);
        assertEq(payouts.activeRoot(), ROOT);
    }

    function test_RevertWhen_RoleIsMissing() public {
        bytes memory error_ = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger);
        vm.startPrank(stranger);
        vm.expectRevert(error_);
        payouts.propose(ROOT, CID, 0, new IPayouts.Total[](0));
        vm.expectRevert(error_);
        payouts.veto();
        vm.expectRevert(error_);
        payouts.setDelay(DELAY, GRACE);
    }

    function test_SetDelay() public {
        vm.expectEmit();
        emit IPayouts.DelaySet(2, 2 days, 3 days);
        vm.prank(governor);
        payouts.setDelay(2 days, 3 days);
        assertEq(payouts.delay(), 2 days);
        assertEq(payouts.grace(), 3 days);
    }

    function test_RevertWhen_DelayIsOutOfBounds() public {
        vm.startPrank(governor);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.DelayOutOfBounds.selector, DELAY - 1, DELAY, 30 days));
        payouts.setDelay(DELAY - 1, GRACE);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.DelayOutOfBounds.selector, type(uint64).max, DELAY, 30 days));
        payouts.setDelay(type(uint64).max, GRACE);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.GraceOutOfBounds.selector, GRACE - 1, GRACE, 30 days));
        payouts.setDelay(DELAY, GRACE - 1);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.GraceOutOfBounds.selector, 30 days + 1, GRACE, 30 days));
        payouts.setDelay(DELAY, 30 days + 1);
    }

    function test_NoDelayOnLocalChains() public {
        payouts = IPayouts(deployCode("Payouts.sol:Payouts", abi.encode(manager, 0, 0)));
        vm.startPrank(admin);
        manager.setTargetFunctionRole(address(payouts), _one(IPayouts.propose.selector), ENGINE);
        vm.stopPrank();
        _propose(ROOT, new IPayouts.Total[](0));
        payouts.activate();
        assertEq(payouts.activeRoot(), ROOT);
    }

    /// @dev A token that fails keeps its old total and does not stop the others; the next root fetches all of it.
    function test_ActivatePassesOverATokenThatFails() public {
        BlockingToken odd = new BlockingToken();
        odd.mint(payouts.pot(), 100);
        _fundNative(1, 10);
        _activate(ROOT, _two(address(odd), 20, 10));
        assertEq(payouts.tallyOf(address(odd)).declared, 20);

        odd.setBlocked(address(payouts), true);
        _propose("second", _two(address(odd), 50, 10));
        skip(DELAY);
        vm.expectEmit();
        emit IPayouts.TotalPassedOver(7, 2, address(odd), 30);
        payouts.activate();
        assertEq(payouts.activeRoot(), bytes32("second"));
        assertEq(payouts.tallyOf(address(odd)).declared, 20);
        assertEq(odd.balanceOf(address(payouts)), 20);

        odd.setBlocked(address(payouts), false);
        _activate("third", _two(address(odd), 70, 10));
        assertEq(payouts.tallyOf(address(odd)).declared, 70);
        assertEq(odd.balanceOf(address(payouts)), 70);
    }

    /// @dev Who activates with little gas cannot have an honest token passed over.
    function test_RevertWhen_ActivatedWithTooLittleGas() public {
        vm.prank(alice);
        payouts.fund(1, address(token), 100, "test");
        _propose(ROOT, _total(address(token), 100));
        skip(DELAY);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.GasTooLow.selector, 600_000));
        payouts.activate{gas: 600_000}();
        payouts.activate{gas: 800_000}();
        assertEq(token.balanceOf(address(payouts)), 100);
    }

    function testFuzz_Propose(uint96 funded, uint96 first, uint96 second) public {
        vm.assume(funded != 0);
        first = uint96(bound(first, 0, funded));
        vm.deal(address(this), funded);
        payouts.fund{value: funded}(1, address(0), funded, "test");
        _activate(ROOT, _total(address(0), first));
        if (second > funded) {
            vm.expectEmit();
            emit IPayouts.TotalPassedOver(5, 2, address(0), second - funded);
        }
        _propose("second", _total(address(0), second));
        assertEq(payouts.tallyOf(address(0)).declared, first);
        assertEq(address(payouts).balance, first);
        skip(DELAY);
        payouts.activate();
        uint256 declared = second < first ? first : second > funded ? funded : second;
        assertEq(payouts.tallyOf(address(0)).declared, declared);
        assertEq(address(payouts).balance, declared);
    }

    /// @dev A root that declared too much is no dead end: later roots declare less, and fetch nothing until they need more.
    function test_AnOverDeclaredRootHasAWayOut() public {
        _fundNative(1, 100);
        _activate(ROOT, _total(address(0), 60));
        _activate(_leaf(_due(bob, address(0), 50)), _total(address(0), 50));
        assertEq(payouts.tallyOf(address(0)).declared, 60);
        payouts.claim(bob, address(0), 50, new bytes32[](0));
        _activate(_leaf(_due(bob, address(0), 70)), _total(address(0), 70));
        payouts.claim(bob, address(0), 70, new bytes32[](0));
        assertEq(address(payouts).balance, 0);
        assertEq(payouts.pot().balance, 30);
    }

    /// @dev What comes in while a root waits is out of its reach, however much it declares.
    function test_ARootDeclaresNoMoreThanThePotHeldWhenItWasProposed() public {
        _fundNative(1, 10);
        _propose(ROOT, _total(address(0), type(uint256).max));
        _fundNative(2, 90);
        skip(DELAY);
        payouts.activate();
        assertEq(address(payouts).balance, 10);
        assertEq(payouts.pot().balance, 90);
    }

    function testFuzz_VetoAndActivate(uint40 wait, bool vetoed) public {
        wait = uint40(bound(wait, 0, 40 days));
        _propose(ROOT, new IPayouts.Total[](0));
        skip(wait);
        if (vetoed) {
            vm.prank(guardian);
            payouts.veto();
        }
        if (vetoed || wait < DELAY) vm.expectRevert();
        payouts.activate();
        assertEq(payouts.activeRoot(), vetoed || wait < DELAY ? bytes32(0) : ROOT);
    }

    function testFuzz_SetDelay(uint64 newDelay, uint64 newGrace) public {
        bool fits = newDelay >= DELAY && newDelay <= 30 days && newGrace >= GRACE && newGrace <= 30 days;
        if (!fits) vm.expectRevert();
        vm.prank(governor);
        payouts.setDelay(newDelay, newGrace);
        assertEq(payouts.delay(), fits ? newDelay : DELAY);
        assertEq(payouts.grace(), fits ? newGrace : GRACE);
    }

    // --------------------------------------------------------------------------------------------------------- claims

    function testFuzz_SetPayoutAddress(address account, address to, uint96 amount) public {
        vm.assume(account != address(0) && account != address(payouts) && amount != 0);
        vm.assume(to != address(payouts) && to != payouts.pot());
        token.mint(payouts.pot(), amount);
        _activate(_leaf(_due(account, address(token), amount)), _total(address(token), amount));
        vm.prank(account);
        payouts.setPayoutAddress(to);
        address receiver = to == address(0) ? account : to;
        uint256 before = token.balanceOf(receiver);
        payouts.claim(account, address(token), amount, new bytes32[](0));
        assertEq(token.balanceOf(receiver) - before, amount);
    }

    function test_ClaimForAnother() public {
        Due[] memory dues = _dues(3, 5);
        uint256 before = alice.balance;
        bytes32[] memory proof = _activateDues(dues, 8, 0);
        vm.expectEmit();
        emit IPayouts.Claimed(alice, address(0), alice, 3, 3);
        vm.prank(stranger);
        assertEq(payouts.claim(alice, address(0), 3, proof), 3);
        assertEq(alice.balance, before + 3);
        assertEq(payouts.claimedOf(alice, address(0)), 3);
        assertEq(address(payouts).balance, 5);
    }

    function test_ClaimGoesToThePayoutAddress() public {
        bytes32[] memory proof = _activateDues(_dues(3, 5), 8, 0);
        vm.expectEmit();
        emit IPayouts.PayoutAddressSet(5, alice, stranger);
        vm.prank(alice);
        payouts.setPayoutAddress(stranger);
        assertEq(payouts.payoutAddressOf(alice), stranger);
        payouts.claim(alice, address(0), 3, proof);
        assertEq(stranger.balance, 3);
        vm.prank(alice);
        payouts.setPayoutAddress(address(0));
        assertEq(payouts.payoutAddressOf(alice), alice);
    }

    function test_ClaimAgainstThePreviousRootWithinGrace() public {
        bytes32[] memory proof = _activateDues(_dues(3, 5), 8, 0);
        _activate("second", _total(address(0), 8));
        uint256 before = alice.balance;
        skip(GRACE);
        payouts.claim(alice, address(0), 3, proof);
        assertEq(alice.balance, before + 3);
    }

    function test_RevertWhen_GraceIsOver() public {
        bytes32[] memory proof = _activateDues(_dues(3, 5), 8, 0);
        _activate("second", _total(address(0), 8));
        skip(GRACE + 1);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.ProofInvalid.selector, alice, address(0), 3));
        payouts.claim(alice, address(0), 3, proof);
    }

    function test_RevertWhen_RootIsOnlyPending() public {
        _fundNative(1, 8);
        (bytes32 root, bytes32[] memory proof) = _tree(_leaves(_dues(3, 5)), 0);
        _propose(root, _total(address(0), 8));
        skip(DELAY);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.ProofInvalid.selector, alice, address(0), 3));
        payouts.claim(alice, address(0), 3, proof);
    }

    function test_RevertWhen_ClaimedTwice() public {
        bytes32[] memory proof = _activateDues(_dues(3, 5), 8, 0);
        payouts.claim(alice, address(0), 3, proof);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingToClaim.selector, alice, address(0), 3));
        payouts.claim(alice, address(0), 3, proof);
    }

    function test_RevertWhen_ClaimIsNotProven() public {
        bytes32[] memory proof = _activateDues(_dues(3, 5), 8, 0);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.ProofInvalid.selector, alice, address(0), 4));
        payouts.claim(alice, address(0), 4, proof);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.ProofInvalid.selector, bob, address(0), 3));
        payouts.claim(bob, address(0), 3, proof);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.ProofInvalid.selector, alice, address(token), 3));
        payouts.claim(alice, address(token), 3, proof);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.ProofInvalid.selector, alice, address(0), 3));
        payouts.claim(alice, address(0), 3, new bytes32[](0));
    }

    /// @dev A hostile ENGINE: the leaves promise more than the totals say.
    function test_RevertWhen_RootPromisesMoreThanItDeclares() public {
        _fundNative(2, 100);
        bytes32[] memory proof = _activateDues(_dues(30, 50), 8, 0);
        assertEq(payouts.pot().balance, 100);
        vm.expectRevert(abi.encodeWithSelector(Errors.InsufficientBalance.selector, 8, 30));
        payouts.claim(alice, address(0), 30, proof);
    }

    function test_RevertWhen_ReceiverRefuses() public {
        Refuser account = new Refuser(alice);
        _fundNative(1, 8);
        _activate(_leaf(_due(address(account), address(0), 8)), _total(address(0), 8));
        vm.expectRevert();
        payouts.claim(address(account), address(0), 8, new bytes32[](0));
        account.relent();
        payouts.claim(address(account), address(0), 8, new bytes32[](0));
        assertEq(address(account).balance, 8);
    }

    function test_ReenteringReceiverIsPaidOnce() public {
        Reenterer account = new Reenterer(alice);
        _fundNative(1, 100);
        _activate(_leaf(_due(address(account), address(0), 8)), _total(address(0), 100));
        bytes memory again = abi.encodeCall(payouts.claim, (address(account), address(0), 8, new bytes32[](0)));
        account.arm(address(payouts), again);
        payouts.claim(address(account), address(0), 8, new bytes32[](0));
        assertEq(account.tries(), 1);
        assertFalse(account.succeeded());
        assertEq(address(account).balance, 8);
    }

    function test_ClaimMany() public {
        Due[] memory dues = _dues(3, 5);
        _activateDues(dues, 8, 0);
        IPayouts.Claim[] memory claims = new IPayouts.Claim[](3);
        for (uint256 i; i < 2; ++i) {
            (, bytes32[] memory proof) = _tree(_leaves(dues), i);
            claims[i] = IPayouts.Claim(dues[i].account, address(0), dues[i].cumulative, proof);
        }
        claims[2] = claims[0];
        payouts.claim(alice, address(0), 3, claims[0].proof);
        uint256 before = bob.balance;
        payouts.claimMany(claims);
        assertEq(bob.balance, before + 5);
        assertEq(address(payouts).balance, 0);
        claims[2].cumulative = 9;
        vm.expectRevert(abi.encodeWithSelector(IPayouts.ProofInvalid.selector, alice, address(0), 9));
        payouts.claimMany(claims);
    }

    /// @dev Many at once or one by one: the same payments. What was paid before is passed over.
    function testFuzz_ClaimManyIsClaims(uint64[5] memory amounts, uint8 mask) public {
        Due[] memory dues = new Due[](5);
        uint256 sum;
        for (uint256 i; i < 5; ++i) {
            dues[i] = _due(address(uint160(0x10000 + i)), address(token), uint256(amounts[i]) + 1);
            sum += dues[i].cumulative;
        }
        token.mint(payouts.pot(), sum);
        (bytes32 root,) = _tree(_leaves(dues), 0);
        _activate(root, _total(address(token), sum));
        IPayouts.Claim[] memory claims = new IPayouts.Claim[](5);
        for (uint256 i; i < 5; ++i) {
            (, bytes32[] memory proof) = _tree(_leaves(dues), i);
            claims[i] = IPayouts.Claim(dues[i].account, address(token), dues[i].cumulative, proof);
            if (mask >> i & 1 != 0) payouts.claim(dues[i].account, address(token), dues[i].cumulative, proof);
        }
        vm.prank(stranger);
        payouts.claimMany(claims);
        for (uint256 i; i < 5; ++i) {
            assertEq(token.balanceOf(dues[i].account), dues[i].cumulative);
            assertEq(payouts.claimedOf(dues[i].account, address(token)), dues[i].cumulative);
        }
        assertEq(token.balanceOf(address(payouts)), 0);
    }

    /// @dev Every leaf of a tree of any size, odd ones too, is proven and paid; the pot ends empty.
    function testFuzz_EveryLeafIsPaid(uint8 size, uint256 seed) public {
        size = uint8(bound(size, 1, 33));
        Due[] memory dues = new Due[](size);
        uint256 sum;
        for (uint256 i; i < size; ++i) {
            uint256 amount = 1 + uint256(keccak256(abi.encode(seed, i))) % 1e18;
            dues[i] = _due(address(uint160(0x10000 + i)), address(token), amount);
            sum += amount;
        }
        token.mint(alice, sum);
        vm.prank(alice);
        payouts.fund(1, address(token), sum, "test");
        bytes32[] memory leaves = _leaves(dues);
        (bytes32 root,) = _tree(leaves, 0);
        _activate(root, _total(address(token), sum));
        for (uint256 i; i < size; ++i) {
            (, bytes32[] memory proof) = _tree(leaves, i);
            payouts.claim(dues[i].account, address(token), dues[i].cumulative, proof);
            assertEq(token.balanceOf(dues[i].account), dues[i].cumulative);
        }
        assertEq(token.balanceOf(address(payouts)), 0);
        assertEq(token.balanceOf(payouts.pot()), 0);
        assertEq(payouts.tallyOf(address(token)).declared, sum);
    }

    /// @dev To claim at each root, at some of them or only at the last comes to the same.
    function testFuzz_ClaimInPartsIsClaimAtOnce(uint64[6] memory steps, uint8 mask) public {
        uint256 cumulative;
        uint256 before = bob.balance;
        for (uint256 i; i < steps.length; ++i) {
            uint256 step = uint256(steps[i]) + 1;
            _fundNative(1, 2 * step);
            cumulative += step;
            Due[] memory dues = _dues(cumulative, cumulative);
            (bytes32 root, bytes32[] memory proof) = _tree(_leaves(dues), 1);
            _activate(root, _total(address(0), 2 * cumulative));
            if (mask & (1 << i) != 0 || i == steps.length - 1) payouts.claim(bob, address(0), cumulative, proof);
        }
        assertEq(bob.balance - before, cumulative);
        assertEq(payouts.claimedOf(bob, address(0)), cumulative);
        assertEq(address(payouts).balance, cumulative);
    }

    // ---------------------------------------------------------------------------------------------------------- inbox

    function test_InboxReceivesBeforeItIsDeployed() public {
        address inbox = payouts.inboxOf(1);
        assertEq(inbox.code.length, 0);
        vm.deal(inbox, 1 ether);
        token.mint(inbox, 500);
        vm.expectEmit();
        emit IPayouts.InboxDeployed(2, 1, inbox);
        assertEq(payouts.deployInbox(1), inbox);
        assertEq(payouts.deployInbox(1), inbox);
        assertEq(payouts.eventSeq(), 2);
        assertEq(IRoyaltyInbox(inbox).assetId(), 1);

        vm.expectEmit();
        emit IPayouts.Funded(3, 1, address(0), inbox, 1 ether, "royalty", false);
        assertEq(IRoyaltyInbox(inbox).sweep(address(0)), 1 ether);
        vm.expectEmit();
        emit IPayouts.Funded(4, 1, address(token), inbox, 500, "royalty", false);
        assertEq(IRoyaltyInbox(inbox).sweep(address(token)), 500);
        assertEq(token.allowance(inbox, address(payouts)), 0);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.AmountZero.selector));
        IRoyaltyInbox(inbox).sweep(address(token));
    }

    function testFuzz_InboxCreditsItsOwnAsset(uint256 first, uint256 second, uint96 amount) public {
        vm.assume(first != second && amount != 0);
        address inbox = payouts.deployInbox(first);
        assertNotEq(inbox, payouts.inboxOf(second));
        vm.deal(alice, amount);
        vm.prank(alice);
        (bool sent,) = inbox.call{value: amount}("");
        assertTrue(sent);
        vm.expectEmit();
        emit IPayouts.Funded(3, first, address(0), inbox, amount, "royalty", false);
        IRoyaltyInbox(inbox).sweep(address(0));
        assertEq(inbox.balance, 0);
    }

    function testFuzz_DeployInbox(uint256 assetId, address first, address second) public {
        address inbox = payouts.inboxOf(assetId);
        vm.prank(first);
        assertEq(payouts.deployInbox(assetId), inbox);
        vm.prank(second);
        assertEq(payouts.deployInbox(assetId), inbox);
        assertEq(payouts.eventSeq(), 2);
        assertEq(IRoyaltyInbox(inbox).assetId(), assetId);
    }

    function testFuzz_Sweep(uint256 assetId, address caller, uint96 native, uint96 amount) public {
        IRoyaltyInbox inbox = IRoyaltyInbox(payouts.deployInbox(assetId));
        vm.deal(address(inbox), native);
        token.mint(address(inbox), amount);
        if (native == 0) vm.expectRevert(abi.encodeWithSelector(IPayouts.AmountZero.selector));
        vm.prank(caller);
        assertEq(inbox.sweep(address(0)), native);
        if (amount == 0) vm.expectRevert(abi.encodeWithSelector(IPayouts.AmountZero.selector));
        vm.prank(caller);
        assertEq(inbox.sweep(address(token)), amount);
        assertEq(address(inbox).balance, 0);
        assertEq(token.balanceOf(address(inbox)), 0);
        assertEq(payouts.pot().balance, native);
        assertEq(token.balanceOf(payouts.pot()), amount);
    }

    function test_RegistryNamesTheInbox() public {
        uint256 id = _register(alice, "work");
        assertEq(registry.royaltyInbox(id), payouts.inboxOf(id));
        (address receiver,) = registry.royaltyInfo(id, 100);
        assertEq(receiver, payouts.inboxOf(id));
    }

    function test_RevertWhen_TheInboxCodeIsUsedItself() public {
        (, bytes memory code) = address(payouts).call(abi.encodeWithSignature("INBOX()"));
        IRoyaltyInbox implementation = IRoyaltyInbox(abi.decode(code, (address)));
        vm.expectRevert(abi.encodeWithSelector(IRoyaltyInbox.NotAClone.selector));
        implementation.sweep(address(0));
    }

    // -------------------------------------------------------------------------------------------------------- helpers

    /// @dev Of native coin and of a token.
    function _two(address currency, uint256 amount, uint256 native)
        private
        pure
        returns (IPayouts.Total[] memory totals)
    {
        totals = new IPayouts.Total[](2);
        totals[0].amount = native;
        totals[1] = IPayouts.Total({token: currency, amount: amount});
    }

    function _dues(uint256 toAlice, uint256 toBob) private view returns (Due[] memory dues) {
        dues = new Due[](2);
        dues[0] = _due(alice, address(0), toAlice);
        dues[1] = _due(bob, address(0), toBob);
    }

    /// @dev Funds and activates, and returns the proof of one leaf.
    function _activateDues(Due[] memory dues, uint256 total, uint256 index) private returns (bytes32[] memory proof) {
        _fundNative(1, total);
        bytes32 root;
        (root, proof) = _tree(_leaves(dues), index);
        _activate(root, _total(address(0), total));
    }
}
