// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAnchor} from "../src/interfaces/IAnchor.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {ICouncilArbiter} from "../src/interfaces/ICouncilArbiter.sol";
import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {ILicences} from "../src/interfaces/ILicences.sol";
import {IMarket} from "../src/interfaces/IMarket.sol";
import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {IPot} from "../src/interfaces/IPot.sol";
import {SystemTest} from "./System.t.sol";
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

/// @notice Law 26 as a table: every function that is not open to everyone, and who gets through. Law 27: no function
/// costs more when there is more of anything.
contract AccessMatrixTest is SystemTest {
    struct Row {
        address target;
        bytes call;
        // Who gets through: one of the accounts below, or a contract of ours.
        address holder;
        // The refusal's selector, for the others.
        bytes4 refusal;
    }

    function _rows() private view returns (Row[] memory rows) {
        bytes4 unauthorized = IAccessManaged.AccessManagedUnauthorized.selector;
        IPayouts.Total[] memory none;
        rows = new Row[](13);
        rows[0] = Row(address(market), abi.encodeCall(IMarket.setFee, (1, treasury)), governor, unauthorized);
        rows[1] = Row(address(payouts), abi.encodeCall(IPayouts.setDelay, (DELAY, GRACE)), governor, unauthorized);
        rows[2] = Row(address(registry), abi.encodeCall(IAssetRegistry.setBaseURI, ("x")), governor, unauthorized);
        rows[3] = Row(address(dispute), abi.encodeCall(IDisputes.setBond, (BOND)), governor, unauthorized);
        rows[4] =
            Row(address(dispute), abi.encodeCall(IDisputes.setArbiter, (address(council))), governor, unauthorized);
        rows[5] = Row(address(payouts), abi.encodeCall(IPayouts.propose, ("x", CID, 0, none)), engine, unauthorized);
        rows[6] = Row(address(ledger), abi.encodeCall(IAnchor.anchor, ("x", 1)), engine, unauthorized);
        rows[7] = Row(address(payouts), abi.encodeCall(IPayouts.veto, ()), guardian, unauthorized);
        rows[8] = Row(
            address(council), abi.encodeCall(ICouncilArbiter.vote, (1, IDisputes.Ruling.SPLIT)), member, unauthorized
        );
        rows[9] = Row(
            address(registry),
            abi.encodeCall(IAssetRegistry.setFrozenUntil, (1, 1)),
            address(dispute),
            IAssetRegistry.CallerNotDisputes.selector
        );
        rows[10] = Row(
            address(licenceNft),
            abi.encodeCall(ILicences.consume, (1, 1, alice, 1)),
            address(registry),
            ILicences.CallerNotRegistry.selector
        );
        rows[11] = Row(
            payouts.pot(),
            abi.encodeCall(IPot.release, (address(0), 0)),
            address(payouts),
            IPot.CallerNotPayouts.selector
        );
        // The admin's, and once only.
        rows[12] = Row(address(registry), abi.encodeCall(IAssetRegistry.link, (alice, bob)), admin, unauthorized);
    }

    function test_AccessMatrix() public {
        _register(alice, "work");
        address[12] memory callers = [
            admin,
            governor,
            engine,
            guardian,
            member,
            alice,
            stranger,
            address(dispute),
            address(registry),
            address(payouts),
            address(market),
            address(council)
        ];
        Row[] memory rows = _rows();
        for (uint256 i; i < rows.length; ++i) {
            for (uint256 j; j < callers.length; ++j) {
                uint256 state = vm.snapshotState();
                vm.prank(callers[j]);
                (bool ok, bytes memory answer) = rows[i].target.call(rows[i].call);
                bool refused = !ok && bytes4(answer) == rows[i].refusal;
                string memory what = string.concat("row ", vm.toString(i), ", caller ", vm.toString(j));
                assertEq(refused, callers[j] != rows[i].holder, what);
                vm.revertToState(state);
            }
        }
    }

    /// @dev Only the manager moves a contract to another manager.
    function testFuzz_SetAuthority(address caller, uint8 which) public {
        address[6] memory managed =
            [address(registry), address(market), address(payouts), address(dispute), address(council), address(ledger)];
        IAccessManaged target = IAccessManaged(managed[which % 6]);
        caller = uint160(caller) % 4 == 0 ? address(manager) : caller;
        AccessManager next = new AccessManager(admin);
        if (caller != address(manager)) {
            vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        }
        vm.prank(caller);
        target.setAuthority(address(next));
        assertEq(target.authority(), caller == address(manager) ? address(next) : address(manager));
    }

    // ------------------------------------------------------------------------------------------------------------ gas

    /// @dev The same steps with one asset and staker about, and with three hundred.
    function test_GasDoesNotGrow() public {
        uint256[5] memory few = _costs(1);
        for (uint256 i; i < 300; ++i) {
            address another = makeAddr(string.concat("another", vm.toString(i)));
            uint256 id = _register(another, keccak256(abi.encode("more", i)));
            stakeToken.mint(another, 1e6);
            vm.startPrank(another);
            stakeToken.approve(address(staking), 1e6);
            staking.stake(1, 1e6, new address[](0));
            market.cancel(new uint256[](1));
            vm.stopPrank();
            _fundNative(id, 1);
        }
        uint256[5] memory many = _costs(2);
        for (uint256 i; i < few.length; ++i) {
            // What is left is storage that was first written by the first of the two.
            assertLe(many[i], few[i] + 500, vm.toString(i));
        }
    }

    function _costs(uint256 salt) private returns (uint256[5] memory costs) {
        IAssetRegistry.Registration memory r = _registration(alice, keccak256(abi.encode("cost", salt)));
        vm.startPrank(alice);
        uint256 id = registry.register(r);
        costs[0] = vm.lastCallGas().gasTotalUsed;
        stakeToken.mint(alice, 1e6);
        stakeToken.approve(address(staking), type(uint256).max);
        staking.stake(1, 1e6, new address[](0));
        costs[1] = vm.lastCallGas().gasTotalUsed;
        vm.stopPrank();
        IMarket.Order memory order = _sell(alice, id, 1 gwei, address(0));
        order.nonce = salt;
        bytes memory signature = _sign(aliceKey, order);
        vm.prank(bob);
        market.fill{value: 1 gwei}(order, signature, 1 gwei);
        costs[2] = vm.lastCallGas().gasTotalUsed;
        vm.deal(address(this), 1);
        payouts.fund{value: 1}(id, address(0), 1, "x");
        costs[3] = vm.lastCallGas().gasTotalUsed;
        vm.deal(stranger, 10 ether);
        vm.prank(stranger);
        dispute.raise{value: BOND}(id, CID);
        costs[4] = vm.lastCallGas().gasTotalUsed;
    }
}
