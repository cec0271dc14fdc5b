// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../src/interfaces/IMarket.sol";
import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {SystemTest} from "./System.t.sol";
import {BlockingToken, FeeToken, WildToken} from "./mocks/OddTokens.sol";

/// @notice The whole way of money, from a payment to a claim, when one of two currencies misbehaves: what is due in the other
/// is paid in full, at every step.
///
/// OddTokens
/// ├── given a token that misbehaves when a root is proposed, or activated, or both
/// │   ├── the root becomes active, and what is due in other tokens is paid whole
/// │   └── when it behaves again: the next root brings what was missing
/// ├── given 31 tokens that burn all their gas: the 32nd is paid whole
/// ├── given a token that keeps a part of every transfer: all that was counted can be claimed, at every step
/// └── given a token that refuses to pay the pot
///     ├── a sale is made, and the royalty is the pot's credit
///     └── when it pays again: anyone delivers the credit, and it can be claimed
contract OddTokensTest is SystemTest {
    WildToken internal wild;
    uint256 internal work;

    function setUp() public override {
        super.setUp();
        work = _register(alice, "work");
        wild = new WildToken();
        wild.mint(alice, 1e24);
        vm.prank(alice);
        wild.approve(address(payouts), type(uint256).max);
    }

    /// @dev Two rounds of income of 1000 units each: the token misbehaves in the first, and behaves in the second.
    function testFuzz_OneTokenNeverStopsAnother(uint8 atProposal, uint8 atActivation) public {
        uint8 moods = uint8(type(WildToken.Mood).max) + 1;
        _income();
        wild.feel(WildToken.Mood(atProposal % moods));
        _propose(_root(1000), _totals(1000));
        wild.feel(WildToken.Mood(atActivation % moods));
        skip(DELAY);
        payouts.activate();
        assertEq(payouts.activeRoot(), _root(1000));
        _claim(address(token), 1000, 1000);
        assertEq(token.balanceOf(bob), 1e18 + 1000);

        wild.feel(WildToken.Mood.TAME);
        assertEq(wild.balanceOf(payouts.pot()) + wild.balanceOf(address(payouts)), 1000);
        assertLe(payouts.tallyOf(address(wild)).declared, 1000);
        _income();
        _activate(_root(2000), _totals(2000));
        _claim(address(token), 2000, 2000);
        assertEq(token.balanceOf(bob), 1e18 + 2000);
        _claim(address(wild), 2000, 2000);
        assertEq(wild.balanceOf(bob), 2000);
    }

    function test_TokensThatBurnGasTakeTheirTurnsOnly() public {
        IPayouts.Total[] memory totals = new IPayouts.Total[](32);
        vm.prank(alice);
        payouts.fund(work, address(token), 1000, "test");
        totals[0] = IPayouts.Total({token: address(token), amount: 1000});
        for (uint256 i = 1; i < 32; ++i) {
            WildToken odd = new WildToken();
            odd.mint(payouts.pot(), 1000);
            uint256 at = i;
            for (; at != 0 && totals[at - 1].token > address(odd); --at) {
                totals[at] = totals[at - 1];
            }
            totals[at] = IPayouts.Total({token: address(odd), amount: 1000});
            odd.feel(i % 2 == 0 ? WildToken.Mood.BALANCE_BURNS_GAS : WildToken.Mood.TRANSFER_BURNS_GAS);
        }
        bytes32 leaf = _leaf(_due(bob, address(token), 1000));
        vm.prank(engine);
        payouts.propose{gas: 5_000_000}(leaf, CID, 0, totals);
        skip(DELAY);
        payouts.activate{gas: 15_000_000}();
        assertEq(payouts.claim(bob, address(token), 1000, new bytes32[](0)), 1000);
    }

    /// @dev Whoever proposes with little gas cannot have an honest token passed over.
    function test_RevertWhen_ProposedWithTooLittleGas() public {
        vm.prank(alice);
        payouts.fund(work, address(token), 1000, "test");
        IPayouts.Total[] memory totals = _total(address(token), 1000);
        vm.startPrank(engine);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.GasTooLow.selector, 200_000));
        payouts.propose{gas: 205_000}("root", CID, 0, totals);
        payouts.propose{gas: 400_000}("root", CID, 0, totals);
        assertEq(payouts.tallyOf(address(token)).pending, 1000);
    }

    function testFuzz_AllThatWasCountedOfAFeeTokenCanBeClaimed(uint96[3] memory amounts) public {
        FeeToken odd = new FeeToken();
        odd.mint(alice, 1e30);
        vm.prank(alice);
        odd.approve(address(payouts), type(uint256).max);
        uint256 counted;
        for (uint256 i; i < 3; ++i) {
            vm.prank(alice);
            counted += payouts.fund(work, address(odd), bound(amounts[i], 200, type(uint96).max), "test");
            // The totals that the engine declares are less by what was forwarded, which is everything.
            _activate(_leaf(_due(bob, address(odd), counted)), _total(address(odd), 0));
            payouts.claim(bob, address(odd), counted, new bytes32[](0));
            assertEq(payouts.claimedOf(bob, address(odd)), counted);
            assertEq(odd.balanceOf(address(payouts)), 0);
            assertEq(odd.balanceOf(payouts.pot()), 0);
        }
        assertEq(payouts.tallyOf(address(odd)).declared, 0);
    }

    function test_ATokenThatRefusesThePotIsSoldForNevertheless() public {
        BlockingToken odd = new BlockingToken();
        odd.mint(bob, 1000);
        vm.prank(bob);
        odd.approve(address(market), 1000);
        odd.setBlocked(payouts.pot(), true);
        IMarket.Order memory order = _sell(alice, work, 1000, address(odd));
        bytes memory signature = _sign(aliceKey, order);
        vm.expectEmit();
        emit IMarket.CreditAdded(payouts.pot(), address(odd), 100, 100);
        vm.prank(bob);
        market.fill(order, signature, 1000);
        assertEq(registry.ownerOf(work), bob);
        assertEq(odd.balanceOf(alice), 880);

        // A root that counts on it finds nothing yet, and stops nobody.
        bytes32 leaf = _leaf(_due(alice, address(odd), 100));
        _activate(leaf, _total(address(odd), 100));
        assertEq(payouts.tallyOf(address(odd)).declared, 0);
        address pot = payouts.pot();
        vm.expectRevert();
        market.deliverCredit(pot, address(odd));

        odd.setBlocked(pot, false);
        vm.expectEmit();
        emit IMarket.CreditWithdrawn(pot, address(odd), pot, 100);
        vm.prank(stranger);
        assertEq(market.deliverCredit(pot, address(odd)), 100);
        vm.expectRevert(abi.encodeWithSelector(IMarket.CreditEmpty.selector, pot, address(odd)));
        market.deliverCredit(pot, address(odd));
        _activate(leaf, _total(address(odd), 100));
        assertEq(payouts.claim(alice, address(odd), 100, new bytes32[](0)), 100);
    }

    // -------------------------------------------------------------------------------------------------------- helpers

    function _income() private {
        vm.startPrank(alice);
        payouts.fund(work, address(wild), 1000, "test");
        payouts.fund(work, address(token), 1000, "test");
        vm.stopPrank();
    }

    function _dues(uint256 each) private view returns (Due[] memory dues) {
        dues = new Due[](2);
        dues[0] = _due(bob, address(token), each);
        dues[1] = _due(bob, address(wild), each);
    }

    function _root(uint256 each) private view returns (bytes32 root) {
        (root,) = _tree(_leaves(_dues(each)), 0);
    }

    function _claim(address currency, uint256 each, uint256 cumulative) private {
        (, bytes32[] memory proof) = _tree(_leaves(_dues(each)), currency == address(token) ? 0 : 1);
        payouts.claim(bob, currency, cumulative, proof);
    }

    function _totals(uint256 each) private view returns (IPayouts.Total[] memory totals) {
        totals = new IPayouts.Total[](2);
        (address first, address second) = (address(token), address(wild));
        if (first > second) (first, second) = (second, first);
        totals[0] = IPayouts.Total({token: first, amount: each});
        totals[1] = IPayouts.Total({token: second, amount: each});
    }
}
