// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {IMarket} from "../src/interfaces/IMarket.sol";
import {BaseTest} from "./Base.t.sol";

/// @notice What whole transactions cost, intrinsic gas included. Snapshots are in contracts/snapshots/.
/// forge-config: default.isolate = true
contract GasTest is BaseTest {
    /// @dev The very first registration also opens the registry's counters.
    function setUp() public override {
        super.setUp();
        _register(stranger, "another's");
    }

    function test_Register() public {
        IAssetRegistry.Registration memory r = _registration(alice, keccak256("first"));
        vm.prank(alice);
        registry.register(r);
        _snapshot("register, new holder");
        r.contentHash = keccak256("second");
        vm.prank(alice);
        registry.register(r);
        _snapshot("register, holder of another");
    }

    function test_RegisterShares() public {
        IAssetRegistry.Registration memory r = _registration(alice, keccak256("first"));
        r.shares = new IAssetRegistry.Share[](2);
        r.shares[0] = IAssetRegistry.Share({account: address(0xa11CE0000000000000000000000000000000fffF), bps: 5000});
        r.shares[1] = IAssetRegistry.Share({account: address(0xB0b0b0000000000000000000000000000000FFFF), bps: 5000});
        vm.prank(alice);
        registry.register(r);
        _snapshot("register, two owners");
    }

    function test_RegisterParents() public {
        for (uint256 i = 2; i <= 8; ++i) {
            _register(bob, bytes32(i));
        }
        _registerWithParents(1, "register, 1 parent");
        _registerWithParents(8, "register, 8 parents");
        _registerFar("register, 8 parents far apart");
    }

    /// @dev Parents whose ids share no word of the registry's flags: the dearest case.
    function _registerFar(string memory name) private {
        IAssetRegistry.Registration[] memory works = new IAssetRegistry.Registration[](64);
        uint256[] memory parents = new uint256[](8);
        uint256 salt;
        for (uint256 i; i < 8; ++i) {
            for (uint256 j; j < 4; ++j) {
                for (uint256 k; k < 64; ++k) {
                    works[k] = _registration(bob, keccak256(abi.encode("far", salt++)));
                }
                parents[i] = registry.registerBatch(works);
            }
        }
        IAssetRegistry.Registration memory r = _registration(makeAddr(name), keccak256(bytes(name)));
        r.parents = parents;
        registry.register(r);
        _snapshot(name);
    }

    function _registerWithParents(uint256 count, string memory name) private {
        address holder = makeAddr(name);
        IAssetRegistry.Registration memory r = _registration(holder, keccak256(bytes(name)));
        r.parents = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            r.parents[i] = i + 1;
        }
        vm.prank(holder);
        registry.register(r);
        _snapshot(name);
    }

    function test_SaleNative() public {
        _sales(address(0), "native");
    }

    function test_SaleToken() public {
        token.mint(treasury, 1);
        token.mint(payouts.pot(), 1);
        _sales(address(token), "token");
    }

    /// @dev The seller holds another asset too, the buyer holds one, and the pot is in use.
    function _sales(address currency, string memory name) private {
        _register(bob, keccak256("bob's"));
        vm.deal(payouts.pot(), 1);
        _sale(currency, 0, string.concat("sale, ", name, ", maker's first"));
        _sale(currency, 1, string.concat("sale, ", name));
        _sale(currency, 1000, string.concat("sale, ", name, ", nonce in a new word"));
        _sale(currency, 1001, string.concat("sale, ", name, ", nonce in a used word"));
    }

    function _sale(address currency, uint256 nonce, string memory name) private {
        uint256 id = _register(alice, keccak256(bytes(name)));
        _register(alice, keccak256(abi.encode(name)));
        IMarket.Order memory order = _sell(alice, id, 1 ether / 1e9, currency);
        order.nonce = nonce;
        _fill(order);
        _snapshot(name);
    }

    function _fill(IMarket.Order memory order) private {
        bytes memory signature = _sign(aliceKey, order);
        vm.prank(bob);
        market.fill{value: order.currency == address(0) ? order.startPrice : 0}(order, signature, order.startPrice);
    }

    function test_Cancel() public {
        uint256[] memory nonces = new uint256[](1);
        vm.prank(alice);
        market.cancel(nonces);
        _snapshot("cancel, maker's first");
        nonces[0] = 1;
        vm.prank(alice);
        market.cancel(nonces);
        _snapshot("cancel");
        vm.prank(alice);
        market.cancelAll();
        _snapshot("cancelAll");
        vm.prank(bob);
        market.cancelAll();
        _snapshot("cancelAll, maker's first");
    }

    /// @dev Ten sales in one transaction.
    function test_FillMany() public {
        _register(bob, keccak256("bob's"));
        vm.deal(payouts.pot(), 1);
        IMarket.Fill[] memory fills = new IMarket.Fill[](10);
        for (uint256 i; i < 10; ++i) {
            fills[i].order = _sell(alice, _register(alice, keccak256(abi.encode("many", i))), 1 gwei, address(0));
            fills[i].order.nonce = i;
            fills[i].signature = _sign(aliceKey, fills[i].order);
            fills[i].limit = 1 gwei;
        }
        vm.prank(bob);
        market.fillMany{value: 10 gwei}(fills);
        _snapshot("fillMany, 10 native sales");
    }

    function test_RegisterBatch() public {
        IAssetRegistry.Registration[] memory works = new IAssetRegistry.Registration[](10);
        for (uint256 i; i < 10; ++i) {
            works[i] = _registration(alice, keccak256(abi.encode("batch", i)));
        }
        vm.prank(alice);
        registry.registerBatch(works);
        _snapshot("registerBatch, 10 works");
    }

    /// @dev A proof of 17 hashes: a tree of 131 072 leaves.
    function test_ClaimNative() public {
        _fundNative(1, 10 ether);
        _claims(address(0), "native");
    }

    function test_ClaimToken() public {
        vm.prank(bob);
        payouts.fund(1, address(token), 10 ether / 1e9, "test");
        _claims(address(token), "token");
    }

    function _claims(address currency, string memory name) private {
        uint256 unit = 1 ether / 1e9;
        _deepClaim(bob, currency, unit, 10 * unit);
        _deepClaim(alice, currency, unit, 10 * unit);
        _snapshot(string.concat("claim, ", name, ", first"));
        _deepClaim(alice, currency, 2 * unit, 10 * unit);
        _snapshot(string.concat("claim, ", name, ", again"));
    }

    function _deepClaim(address account, address currency, uint256 cumulative, uint256 total) private {
        bytes32[] memory proof = new bytes32[](17);
        bytes32 root = _leaf(_due(account, currency, cumulative));
        for (uint256 i; i < proof.length; ++i) {
            proof[i] = keccak256(abi.encode(i, root));
            root = _pair(root, proof[i]);
        }
        _activate(root, _total(currency, total));
        payouts.claim(account, currency, cumulative, proof);
    }

    function test_Roots() public {
        _fundNative(1, 10 ether);
        _propose("root 1", _total(address(0), 1 ether));
        _snapshot("propose, first");
        skip(DELAY);
        payouts.activate();
        _snapshot("activate, first");
        _propose("root 2", _total(address(0), 2 ether));
        _snapshot("propose");
        skip(DELAY);
        payouts.activate();
        _propose("root 3", _total(address(0), 3 ether));
        skip(DELAY);
        payouts.activate();
        _snapshot("activate");
    }

    function test_Inbox() public {
        payouts.deployInbox(1);
        _snapshot("deployInbox");
        vm.deal(payouts.inboxOf(1), 1 ether);
        _fundNative(1, 1);
        (bool ok,) = payouts.inboxOf(1).call(abi.encodeWithSignature("sweep(address)", address(0)));
        assertTrue(ok);
        _snapshot("sweep, native");
    }

    function _snapshot(string memory name) private {
        vm.snapshotGasLastCall("gas", name);
    }
}
