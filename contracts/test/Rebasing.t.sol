// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../src/interfaces/IMarket.sol";
import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {SystemTest} from "./System.t.sol";
import {RebasingToken} from "./mocks/OddTokens.sol";

/// @notice A token whose balances change by themselves breaks its own books; those of every other currency stay whole.
///
/// Rebasing
/// ├── given income in it
/// │   ├── when it shrinks before a root is proposed or activated: what is missing is passed over, the rest is released
/// │   ├── when it grows back: the next root releases the rest
/// │   └── when it shrinks afterwards: claims are paid while there is enough, and none is marked paid that was not
/// ├── given a sale in it: the seller is paid whole, or the sale does not happen
/// └── given yield in it: stake and the yield in other tokens are paid whole
contract RebasingTest is SystemTest {
    uint256 internal constant ONE = 1e18;

    RebasingToken internal odd;
    uint256 internal work;

    function setUp() public override {
        super.setUp();
        odd = new RebasingToken();
        work = _register(alice, "work");
        for (uint256 i; i < 2; ++i) {
            address account = i == 0 ? alice : bob;
            odd.mint(account, 1e24);
            vm.startPrank(account);
            odd.approve(address(payouts), type(uint256).max);
            odd.approve(address(market), type(uint256).max);
            odd.approve(address(staking), type(uint256).max);
            stakeToken.approve(address(staking), type(uint256).max);
            vm.stopPrank();
        }
    }

    function test_ARootPassesOverWhatShrank() public {
        _fund(1000);
        _propose("root", _totals(1000));
        odd.rebase(ONE / 2);
        skip(DELAY);
        vm.expectEmit();
        emit IPayouts.TotalPassedOver(payouts.eventSeq() + 2, 1, address(odd), 500);
        payouts.activate();
        assertEq(payouts.tallyOf(address(odd)).declared, 500);
        assertEq(payouts.tallyOf(address(0)).declared, 1 ether);
        assertEq(address(payouts).balance, 1 ether);

        // Proposed while it is short: what is missing is passed over at once.
        _fund(1000);
        vm.expectEmit();
        emit IPayouts.TotalPassedOver(payouts.eventSeq() + 1, 2, address(odd), 500);
        _activate("later", _totals(2000));
        assertEq(payouts.tallyOf(address(odd)).declared, 1500);
        assertEq(odd.balanceOf(address(payouts)), 1500);

        // It grows, and the next root finds the rest.
        odd.mint(payouts.pot(), 500);
        _activate("last", _totals(2000));
        assertEq(payouts.tallyOf(address(odd)).declared, 2000);
    }

    /// @dev A transfer may move a base unit less: that unit is all that such a token can cost.
    function testFuzz_RoundingCostsAUnit(uint256 scale, uint128 amount) public {
        scale = bound(scale, ONE, 100 * ONE);
        amount = uint128(bound(amount, 1000, 1e22));
        odd.rebase(scale);
        vm.prank(alice);
        uint256 received = payouts.fund(work, address(odd), amount, "test");
        assertApproxEqAbs(received, amount, 2 * scale / ONE + 2);
        uint256 there = odd.balanceOf(address(payouts)) + odd.balanceOf(payouts.pot());
        assertGe(there + 1, received);
    }

    function testFuzz_ClaimsArePaidWhileThereIsEnough(uint256 scale, uint96 part) public {
        scale = bound(scale, ONE / 100, 100 * ONE);
        uint256 first = bound(part, 1, 999_999);
        _fund(1_000_000);
        Due[] memory dues = new Due[](3);
        dues[0] = _due(alice, address(0), 1 ether);
        dues[1] = _due(alice, address(odd), first);
        dues[2] = _due(bob, address(odd), 1_000_000 - first);
        (bytes32 root,) = _tree(_leaves(dues), 0);
        _activate(root, _totals(1_000_000));
        odd.rebase(scale);
        for (uint256 i = 3; i != 0; --i) {
            Due memory due = dues[i - 1];
            (, bytes32[] memory proof) = _tree(_leaves(dues), i - 1);
            uint256 held = due.token == address(0) ? address(payouts).balance : odd.balanceOf(address(payouts));
            try payouts.claim(due.account, due.token, due.cumulative, proof) {
                assertEq(payouts.claimedOf(due.account, due.token), due.cumulative);
            } catch {
                assertLt(held, due.cumulative);
                assertEq(payouts.claimedOf(due.account, due.token), 0);
            }
        }
        assertEq(payouts.claimedOf(alice, address(0)), 1 ether);
        assertEq(address(payouts).balance, 0);
    }

    function testFuzz_ASaleIsPaidWholeOrDoesNotHappen(uint256 scale, uint96 price) public {
        scale = bound(scale, ONE / 100, 100 * ONE);
        odd.rebase(scale);
        IMarket.Order memory order = _sell(alice, work, price, address(odd));
        IMarket.Quote memory quote = market.quote(order, work);
        uint256 before = odd.balanceOf(alice);
        bytes memory signature = _sign(aliceKey, order);
        vm.prank(bob);
        try market.fill(order, signature, price) {
            assertEq(registry.ownerOf(work), bob);
            // The token moves whole shares only, so one may be missing.
            assertApproxEqAbs(odd.balanceOf(alice) - before, quote.net, scale / ONE + 1);
        } catch {
            assertEq(registry.ownerOf(work), alice);
            assertEq(odd.balanceOf(alice), before);
        }
        assertEq(odd.balanceOf(address(market)), 0);
    }

    function testFuzz_StakeAndOtherYieldArePaidWhole(uint256 scale) public {
        address[] memory tokens = new address[](2);
        tokens[1] = address(odd);
        stakeToken.mint(bob, 90e6);
        vm.prank(bob);
        staking.stake(work, 90e6, tokens);
        vm.startPrank(alice);
        staking.fundYield(work, address(odd), 1e18, 7 days);
        staking.fundYield{value: 1 ether}(work, address(0), 1 ether, 7 days);
        vm.stopPrank();
        skip(30 days);
        odd.rebase(bound(scale, ONE / 100, 100 * ONE));

        vm.startPrank(bob);
        (uint64 exit,) = staking.unstake(work, 90e6);
        assertEq(staking.withdraw(exit, stranger), 90e6);
        assertEq(stakeToken.balanceOf(stranger), 90e6);
        uint256 earned = staking.claimYield(work, address(0), stranger);
        assertEq(stranger.balance, earned);
        assertApproxEqAbs(earned, 1 ether, 1);
    }

    // -------------------------------------------------------------------------------------------------------- helpers

    function _fund(uint256 amount) private {
        _fundNative(work, 1 ether);
        vm.prank(alice);
        payouts.fund(work, address(odd), amount, "test");
    }

    function _totals(uint128 amount) private view returns (IPayouts.Total[] memory totals) {
        totals = new IPayouts.Total[](2);
        totals[0] = IPayouts.Total({token: address(0), amount: 1 ether});
        totals[1] = IPayouts.Total({token: address(odd), amount: amount});
    }
}
