// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../src/interfaces/IMarket.sol";
import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {IRoyaltyInbox} from "../src/interfaces/IRoyaltyInbox.sol";
import {IStaking} from "../src/interfaces/IStaking.sol";
import {SystemTest} from "./System.t.sol";
import {HookToken} from "./mocks/OddTokens.sol";
import {Puppet} from "./mocks/Receivers.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice Every place that counts what arrived, with every other payment made inside the token's own code meanwhile, by
/// somebody with a balance and an allowance. What is counted is what is held, and each payment is counted once.
///
/// Nested
/// ├── given a payment inside another, in the same currency
/// │   ├── when both reach the same guarded contract: the inner one is refused
/// │   ├── else: both go through
/// │   └── what each contract says that it received is what it holds
/// └── given coin or tokens that are sent there inside a payment: they are counted nowhere
contract NestedTest is SystemTest {
    enum Payment {
        FUND,
        SWEEP,
        LICENCE,
        SALE,
        CREDIT,
        YIELD,
        POT_GIFT,
        STAKING_GIFT,
        MARKET_GIFT
    }

    uint256 internal constant PAYMENTS = 9;
    uint256 internal constant AMOUNT = 1000;

    HookToken internal odd;
    /// @dev Who pays inside.
    Puppet internal insider;
    uint256[] internal works;
    bytes32 internal termsId;

    function setUp() public override {
        super.setUp();
        odd = new HookToken();
        insider = new Puppet();
        for (uint256 i; i < 2; ++i) {
            works.push(_register(alice, i == 0 ? bytes32("outer") : bytes32("inner")));
            vm.startPrank(alice);
            licenceNft.offer(works[i], _terms(uint128(AMOUNT), address(odd), 0, 0, 0));
            vm.stopPrank();
            payouts.deployInbox(works[i]);
            odd.mint(payouts.inboxOf(works[i]), AMOUNT);
        }
        termsId = keccak256(abi.encode(_terms(uint128(AMOUNT), address(odd), 0, 0, 0)));
        _outfit(bob);
        _outfit(address(insider));
    }

    function _outfit(address account) private {
        odd.mint(account, 100 * AMOUNT);
        vm.startPrank(account);
        odd.approve(address(payouts), type(uint256).max);
        odd.approve(address(market), type(uint256).max);
        odd.approve(address(licenceNft), type(uint256).max);
        odd.approve(address(staking), type(uint256).max);
        vm.stopPrank();
    }

    function test_EveryPaymentInsideEveryOtherIsCountedOnce() public {
        for (uint256 outer; outer <= uint256(Payment.YIELD); ++outer) {
            for (uint256 inner; inner < PAYMENTS; ++inner) {
                bool paid;
                for (uint256 skipped; skipped < 4; ++skipped) {
                    uint256 snapshot = vm.snapshotState();
                    paid = _nest(Payment(outer), Payment(inner), skipped) || paid;
                    vm.revertToState(snapshot);
                }
                assertEq(paid, !_refused(Payment(outer), Payment(inner)), _name(outer, inner));
            }
        }
    }

    /// @param skipped How many transfers of the outer payment come before the one in which the inner is made.
    /// @return paid Whether the inner payment was made.
    function _nest(Payment outer, Payment inner, uint256 skipped) private returns (bool paid) {
        (address innerTarget, bytes memory innerCall) = _payment(inner, 1);
        (address target, bytes memory call) = _payment(outer, 0);
        odd.armLater(address(insider), abi.encodeCall(Puppet.run, (innerTarget, 0, innerCall)), skipped);
        vm.recordLogs();
        vm.prank(bob);
        (bool ok,) = target.call(call);
        string memory name = _name(uint256(outer), uint256(inner));
        assertTrue(ok, name);
        paid = odd.target() == address(0) && odd.succeeded();
        _balanced(vm.getRecordedLogs(), inner, paid, name);
    }

    function _name(uint256 outer, uint256 inner) private pure returns (string memory) {
        return string.concat("payment ", vm.toString(inner), " inside payment ", vm.toString(outer));
    }

    /// @dev A contract that counts lets nobody in meanwhile. Licences pay into Payouts.
    function _refused(Payment outer, Payment inner) private pure returns (bool) {
        if (inner >= Payment.POT_GIFT) return false;
        bool needsPayouts = _contractOf(inner) == 0 || inner == Payment.LICENCE;
        return _contractOf(outer) == _contractOf(inner) || _contractOf(outer) == 0 && needsPayouts;
    }

    function _contractOf(Payment payment) private pure returns (uint256) {
        if (payment <= Payment.SWEEP) return 0;
        if (payment == Payment.LICENCE) return 1;
        return payment == Payment.YIELD ? 3 : 2;
    }

    /// @dev What each contract's events say came in is what it holds, besides gifts.
    function _balanced(Vm.Log[] memory logs, Payment inner, bool paid, string memory name) private view {
        uint256 income;
        uint256 yield;
        uint256 credits;
        for (uint256 i; i < logs.length; ++i) {
            bytes32 topic = logs[i].topics[0];
            if (topic == IPayouts.Funded.selector) {
                (, uint256 amount,,) = abi.decode(logs[i].data, (uint64, uint256, bytes32, bool));
                income += amount;
            } else if (topic == IMarket.Filled.selector) {
                (,,,,,, uint256 royalty,,) = abi.decode(
                    logs[i].data, (uint64, address, IMarket.Side, address, uint256, uint256, uint256, uint256, uint256)
                );
                income += royalty;
            } else if (topic == IMarket.CreditAdded.selector) {
                (uint256 amount,) = abi.decode(logs[i].data, (uint256, uint256));
                credits += amount;
            } else if (topic == IStaking.YieldFunded.selector) {
                (, uint256 amount,) = abi.decode(logs[i].data, (uint64, uint256, uint256));
                yield += amount;
            }
        }
        uint256 gift = paid ? AMOUNT : 0;
        uint256 held = odd.balanceOf(payouts.pot()) + odd.balanceOf(address(payouts));
        assertEq(held, income + (inner == Payment.POT_GIFT ? gift : 0), name);
        assertEq(odd.balanceOf(address(staking)), yield + (inner == Payment.STAKING_GIFT ? gift : 0), name);
        assertEq(odd.balanceOf(address(market)), credits + (inner == Payment.MARKET_GIFT ? gift : 0), name);
        assertEq(odd.balanceOf(address(licenceNft)), 0, name);
    }

    function _payment(Payment payment, uint256 index) private returns (address target, bytes memory call) {
        uint256 work = works[index];
        if (payment == Payment.FUND) {
            return (address(payouts), abi.encodeCall(IPayouts.fund, (work, address(odd), AMOUNT, "nested")));
        }
        if (payment == Payment.SWEEP) {
            return (payouts.inboxOf(work), abi.encodeCall(IRoyaltyInbox.sweep, (address(odd))));
        }
        if (payment == Payment.LICENCE) {
            return (address(licenceNft), abi.encodeCall(licenceNft.buy, (termsId, work, stranger, AMOUNT)));
        }
        if (payment == Payment.YIELD) {
            return (address(staking), abi.encodeCall(IStaking.fundYield, (work, address(odd), AMOUNT, 1 days)));
        }
        if (payment >= Payment.POT_GIFT) {
            address to = payment == Payment.POT_GIFT
                ? payouts.pot()
                : payment == Payment.STAKING_GIFT ? address(staking) : address(market);
            return (address(odd), abi.encodeCall(odd.transfer, (to, AMOUNT)));
        }
        // The fee's receiver takes nothing in this token, so that it becomes a credit.
        if (payment == Payment.CREDIT) odd.refuse(treasury);
        IMarket.Order memory order = _sell(alice, work, AMOUNT, address(odd));
        order.nonce = index;
        return (address(market), abi.encodeCall(IMarket.fill, (order, _sign(aliceKey, order), AMOUNT)));
    }
}
