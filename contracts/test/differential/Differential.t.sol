// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAnchor} from "../../src/interfaces/IAnchor.sol";
import {IAssetRegistry} from "../../src/interfaces/IAssetRegistry.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IPayouts} from "../../src/interfaces/IPayouts.sol";
import {SystemTest} from "../System.t.sol";
import {TestToken} from "../mocks/TestToken.sol";

/// @notice What the Rust engine computed and wrote down (crates/domain/tests): its roots, proofs, totals and prices are
/// replayed here, and must come to the same.
contract DifferentialTest is SystemTest {
    string internal json;
    IPayouts internal replayed;
    address[] internal tokens;

    function setUp() public override {
        super.setUp();
        json = vm.readFile("contracts/test/differential/engine.json");
        tokens = vm.parseJsonAddressArray(json, ".tokens");
    }

    /// @dev Every round's root is proposed and activated; every claim of the last is paid in full, those of the round
    /// before in part, and nothing is left when all are paid.
    function test_PayoutsOfTheEngineAreClaimed() public {
        _deployReplayed();
        uint256 rounds = vm.parseJsonUint(json, ".roundCount");
        for (uint256 round; round < rounds; ++round) {
            _activate(round);
            // The first round is claimed by nobody, so that some are paid for two rounds at once.
            if (round != 0) _claimAll(round);
        }
        for (uint256 t; t < tokens.length; ++t) {
            assertEq(_balanceOf(tokens[t], address(replayed)), 0, "left over");
            assertEq(_balanceOf(tokens[t], replayed.pot()), 0, "left in the pot");
        }
    }

    function test_RevertWhen_AClaimOfTheEngineIsChanged() public {
        _deployReplayed();
        _activate(0);
        uint256 claims = vm.parseJsonUint(json, ".rounds[0].count");
        for (uint256 i; i < claims; ++i) {
            (address account, address token, uint256 cumulative, bytes32[] memory proof) = _claim(0, i);
            vm.expectPartialRevert(IPayouts.ProofInvalid.selector);
            replayed.claim(account, token, cumulative + 1, proof);
            vm.expectPartialRevert(IPayouts.ProofInvalid.selector);
            replayed.claim(address(this), token, cumulative, proof);
        }
    }

    function test_PricesAreDividedAsTheEngineDoes() public {
        uint256 sales = vm.parseJsonUint(json, ".saleCount");
        for (uint256 i; i < sales; ++i) {
            string memory at = string.concat(".sales[", vm.toString(i), "]");
            uint16 feeBps = uint16(_number(at, ".feeBps"));
            vm.prank(governor);
            market.setFee(feeBps, treasury);
            IAssetRegistry.Registration memory registration = _registration(alice, keccak256(abi.encode(i)));
            registration.royaltyBps = uint16(_number(at, ".royaltyBps"));
            vm.prank(alice);
            uint256 id = registry.register(registration);
            IMarket.Order memory order = _sell(alice, id, _number(at, ".price"), address(0));
            IMarket.Quote memory quote = market.quote(order, id);
            assertEq(quote.price, _number(at, ".price"));
            assertEq(quote.fee, _number(at, ".fee"));
            assertEq(quote.royalty, _number(at, ".royalty"));
            assertEq(quote.net, _number(at, ".net"));
        }
    }

    function test_TreesOfTheEngineAreAnchored() public {
        uint256 trees = vm.parseJsonUint(json, ".treeCount");
        bytes22 head;
        for (uint256 i; i < trees; ++i) {
            string memory at = string.concat(".trees[", vm.toString(i), "]");
            bytes32 root = vm.parseJsonBytes32(json, string.concat(at, ".root"));
            bytes32[] memory leaves = vm.parseJsonBytes32Array(json, string.concat(at, ".leaves"));
            vm.prank(engine);
            uint64 seq = ledger.anchor(root, uint64(i + 1));
            IAnchor.Entry[] memory entries = new IAnchor.Entry[](1);
            entries[0] =
                IAnchor.Entry({seq: uint32(seq), size: uint48(i + 1), time: uint48(block.timestamp), root: root});
            for (uint256 place; place < leaves.length; ++place) {
                string memory path = string.concat(at, ".proofs[", vm.toString(place), "]");
                bytes32[] memory proof = vm.parseJsonBytes32Array(json, path);
                assertTrue(ledger.verify(entries, head, leaves[place], proof));
                assertFalse(ledger.verify(entries, head, keccak256(abi.encode(leaves[place])), proof));
            }
            (,, head) = ledger.latest();
        }
    }

    // -------------------------------------------------------------------------------------------------------- helpers

    /// @dev A proof holds for one contract: this one stands where the engine thought it.
    function _deployReplayed() private {
        replayed = IPayouts(vm.parseJsonAddress(json, ".payouts"));
        deployCodeTo("Payouts.sol:Payouts", abi.encode(manager, DELAY, GRACE), address(replayed));
        deployCodeTo("TestToken.sol:TestToken", tokens[1]);
        deployCodeTo("TestToken.sol:TestToken", tokens[2]);
        vm.startPrank(admin);
        manager.setTargetFunctionRole(address(replayed), _one(IPayouts.propose.selector), ENGINE);
        vm.stopPrank();
    }

    function _activate(uint256 round) private {
        string memory at = string.concat(".rounds[", vm.toString(round), "]");
        string[] memory amounts = vm.parseJsonStringArray(json, string.concat(at, ".totals"));
        IPayouts.Total[] memory totals = new IPayouts.Total[](tokens.length);
        for (uint256 t; t < tokens.length; ++t) {
            uint128 amount = uint128(vm.parseUint(amounts[t]));
            totals[t] = IPayouts.Total({token: tokens[t], amount: amount});
            // What came in since the round before: the pot never holds more than what is owed.
            uint256 more = amount - replayed.tallyOf(tokens[t]).declared;
            if (t == 0) vm.deal(replayed.pot(), more);
            else TestToken(tokens[t]).mint(replayed.pot(), more);
        }
        bytes32 root = vm.parseJsonBytes32(json, string.concat(at, ".root"));
        vm.prank(engine);
        replayed.propose(root, CID, 0, totals);
        skip(DELAY);
        replayed.activate();
        assertEq(replayed.activeRoot(), root);
    }

    function _claimAll(uint256 round) private {
        uint256 claims = vm.parseJsonUint(json, string.concat(".rounds[", vm.toString(round), "].count"));
        for (uint256 i; i < claims; ++i) {
            (address account, address token, uint256 cumulative, bytes32[] memory proof) = _claim(round, i);
            uint256 before = _balanceOf(token, account);
            uint256 due = cumulative - replayed.claimedOf(account, token);
            if (due == 0) continue;
            assertEq(replayed.claim(account, token, cumulative, proof), due);
            assertEq(_balanceOf(token, account) - before, due);
        }
    }

    function _claim(uint256 round, uint256 place)
        private
        view
        returns (address account, address token, uint256 cumulative, bytes32[] memory proof)
    {
        string memory at = string.concat(".rounds[", vm.toString(round), "].claims[", vm.toString(place), "]");
        account = vm.parseJsonAddress(json, string.concat(at, ".account"));
        token = vm.parseJsonAddress(json, string.concat(at, ".token"));
        cumulative = _number(at, ".cumulative");
        proof = vm.parseJsonBytes32Array(json, string.concat(at, ".proof"));
    }

    function _number(string memory at, string memory field) private view returns (uint256) {
        return vm.parseJsonUint(json, string.concat(at, field));
    }

    function _balanceOf(address token, address account) private view returns (uint256) {
        return token == address(0) ? account.balance : TestToken(token).balanceOf(account);
    }
}
