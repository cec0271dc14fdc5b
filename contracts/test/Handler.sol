// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {IMarket} from "../src/interfaces/IMarket.sol";
import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {BaseTest} from "./Base.t.sol";
import {Burner, Refuser, Wallet} from "./mocks/Receivers.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice What ten actors, three of them contracts that take payment badly, and the roles may do in any order. Every
/// action's logs are read as an indexer reads them, into a mirror of the state.
contract Handler is BaseTest {
    uint256 internal constant ACTORS = 10;
    bytes32 internal constant AUTHORITY_UPDATED = keccak256("AuthorityUpdated(address)");

    address[] public actors;
    mapping(address actor => uint256) public keys;

    // The mirror, from logs alone.
    mapping(address emitter => uint64) public seqOf;
    mapping(uint256 assetId => address) public ownerOf;
    mapping(uint256 assetId => uint64) public epochOf;
    mapping(uint256 assetId => uint16) public royaltyOf;
    mapping(bytes32 contentHash => uint256) public assetOf;
    mapping(address currency => uint256) public fundedOf;
    mapping(address currency => uint256) public claimedOf;
    mapping(address account => mapping(address currency => uint256)) public creditOf;
    mapping(address maker => mapping(uint256 nonce => bool)) public nonceUsed;
    mapping(address maker => uint64) public makerEpochOf;
    uint256 public count;
    uint256 public fills;
    uint64 public activatableAt;
    bytes32 public pendingRoot;
    bytes32 public activeRoot;

    // The tree of the last proposal and the sums that it and its forerunners promised.
    Due[] internal dues;
    mapping(address account => mapping(address currency => uint256)) public promised;
    mapping(address currency => uint256) public allocated;
    IMarket.Order internal lastOrder;
    bytes internal lastSignature;
    uint256 internal nonces;

    constructor() {
        setUp();
        for (uint256 i; i < ACTORS; ++i) {
            (address actor, uint256 key) = makeAddrAndKey(vm.toString(i));
            if (i == 0) actor = address(new Refuser(actor));
            if (i == 1) actor = address(new Burner(actor));
            if (i == 2) actor = address(new Wallet(actor));
            actors.push(actor);
            keys[actor] = key;
            vm.deal(actor, 1e30);
            _approveAll(actor);
        }
        seqOf[address(market)] = market.eventSeq();
        seqOf[address(payouts)] = payouts.eventSeq();
    }

    modifier observed() {
        vm.recordLogs();
        _;
        _observe(vm.getRecordedLogs());
    }

    // -------------------------------------------------------------------------------------------------------- actions

    function register(uint256 seed, uint16 royaltyBps, bool withParent) external observed {
        address actor = _actor(seed);
        IAssetRegistry.Registration memory r = _registration(actor, keccak256(abi.encode("work", count + 1)));
        r.royaltyBps = uint16(bound(royaltyBps, 0, 5000));
        if (withParent && count != 0) {
            r.parents = new uint256[](1);
            r.parents[0] = seed % count + 1;
        }
        vm.prank(actor);
        registry.register(r);
        vm.expectRevert();
        registry.register(r);
    }

    function transfer(uint256 seed, uint256 to) external observed {
        if (count == 0) return;
        uint256 id = seed % count + 1;
        address owner = registry.ownerOf(id);
        vm.prank(owner);
        registry.transferFrom(owner, _actor(to), id);
    }

    function lowerRoyalty(uint256 seed, uint16 royaltyBps) external observed {
        if (count == 0) return;
        uint256 id = seed % count + 1;
        IAssetRegistry.Details memory details = registry.detailsOf(id);
        if (details.epoch != 0 || details.royaltyBps == 0) return;
        vm.prank(details.owner);
        registry.lowerRoyalty(id, royaltyBps % details.royaltyBps);
    }

    function trade(uint256 seed, uint256 takerSeed, uint96 start, uint96 end, uint32 at, uint8 mode) external observed {
        if (count == 0) return;
        uint256 id = seed % count + 1;
        (address maker, address taker) = (registry.ownerOf(id), _actor(takerSeed));
        bool bid = mode % 3 == 2;
        if (bid) (maker, taker) = (taker, maker);
        bool native = mode % 3 == 0;
        (start, end) = (uint96(start % 1e15), uint96(end % 1e15));
        IMarket.Order memory order =
            bid ? _bid(maker, id, start) : _sell(maker, id, start, native ? address(0) : address(token));
        order.endPrice = end;
        order.nonce = nonces++;
        order.maxFeeBps = 500;
        bytes memory signature = _sign(keys[maker], order);
        skip(at % 1 days);
        // A little more than is asked, when it can be returned.
        uint256 value = native ? market.quote(order).price + (taker.code.length == 0 ? 1 : 0) : 0;
        vm.prank(taker);
        market.fill{value: value}(order, signature, bid ? 0 : type(uint256).max);
        (lastOrder, lastSignature) = (order, signature);
    }

    /// @dev The last order again: its nonce is used, and its asset has moved.
    function replay() external {
        if (lastOrder.maker == address(0)) return;
        address taker = lastOrder.side == IMarket.Side.BID ? registry.ownerOf(lastOrder.assetId) : stranger;
        vm.expectRevert();
        vm.prank(taker);
        market.fill(lastOrder, lastSignature, 0);
    }

    function cancel(uint256 seed, bool all) external observed {
        address actor = _actor(seed);
        uint256[] memory list = new uint256[](1);
        list[0] = nonces++;
        vm.startPrank(actor);
        if (all) market.cancelAll();
        else market.cancel(list);
        vm.stopPrank();
    }

    function withdrawCredit(uint256 seed) external observed {
        address actor = _actor(seed % 2);
        if (market.creditOf(actor, address(0)) == 0) return;
        vm.prank(actor);
        market.withdrawCredit(address(0), stranger);
    }

    function setFee(uint16 feeBps) external observed {
        vm.prank(governor);
        market.setFee(feeBps % 501, actors[0]);
    }

    function fund(uint256 seed, uint96 amount, bool native) external observed {
        address actor = _actor(seed);
        uint256 value = 1 + amount % 1e15;
        address currency = native ? address(0) : address(token);
        vm.prank(actor);
        payouts.fund{value: native ? value : 0}(seed, currency, value, "test");
    }

    /// @dev Promises part of what is not yet promised, to everyone.
    function propose(uint256 seed) external observed {
        if (pendingRoot != 0) {
            vm.expectRevert(abi.encodeWithSelector(IPayouts.RootPending.selector, _number()));
            _propose("another", new IPayouts.Total[](0));
            return;
        }
        delete dues;
        IPayouts.Total[] memory totals = new IPayouts.Total[](2);
        for (uint256 i; i < 2; ++i) {
            address currency = i == 0 ? address(0) : address(token);
            uint256 each = (payouts.tallyOf(currency).funded - allocated[currency]) / ACTORS;
            uint256 sum;
            for (uint256 j; j < ACTORS; ++j) {
                uint256 more = each == 0 ? 0 : uint256(keccak256(abi.encode(seed, i, j))) % each;
                uint256 cumulative = promised[actors[j]][currency] + more;
                dues.push(_due(actors[j], currency, cumulative));
                sum += cumulative;
            }
            totals[i] = IPayouts.Total({token: currency, amount: sum});
        }
        (bytes32 root,) = _tree(_leaves(dues), 0);
        _propose(root, totals);
    }

    function veto() external observed {
        if (pendingRoot == 0) return;
        vm.prank(guardian);
        payouts.veto();
    }

    function activate(uint32 wait) external observed {
        skip(wait % (2 * DELAY));
        if (pendingRoot == 0 || block.timestamp < activatableAt) {
            vm.expectRevert();
            payouts.activate();
            return;
        }
        payouts.activate();
        for (uint256 i; i < dues.length; ++i) {
            allocated[dues[i].token] += dues[i].cumulative - promised[dues[i].account][dues[i].token];
            promised[dues[i].account][dues[i].token] = dues[i].cumulative;
        }
    }

    function claim(uint256 seed) external observed {
        if (activeRoot == 0 || pendingRoot != 0 || dues.length == 0) return;
        uint256 index = seed % dues.length;
        Due memory due = dues[index];
        (bytes32 root, bytes32[] memory proof) = _tree(_leaves(dues), index);
        // A refused root's tree proves nothing; the first two actors do not take native coin.
        bool refused = root != activeRoot || (due.token == address(0) && index < 2);
        if (refused || due.cumulative == payouts.claimedOf(due.account, due.token)) {
            vm.expectRevert();
            payouts.claim{gas: 500_000}(due.account, due.token, due.cumulative, proof);
            // Logs of calls that revert are recorded too.
            vm.getRecordedLogs();
            return;
        }
        payouts.claim(due.account, due.token, due.cumulative, proof);
    }

    // --------------------------------------------------------------------------------------------------------- mirror

    function _observe(Vm.Log[] memory logs) private {
        for (uint256 i; i < logs.length; ++i) {
            address emitter = logs[i].emitter;
            bool ours = emitter == address(market) || emitter == address(registry) || emitter == address(payouts);
            if (!ours || logs[i].data.length == 0 || logs[i].topics[0] == AUTHORITY_UPDATED) continue;
            uint64 seq = abi.decode(_head(logs[i].data), (uint64));
            assertEq(seq, ++seqOf[emitter], "a gap in the event numbers");
            _apply(logs[i]);
        }
    }

    function _apply(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == IAssetRegistry.Registered.selector) {
            uint256 id = uint256(log.topics[1]);
            (,,, bytes32 contentHash, uint16 royaltyBps) = abi.decode(log.data, (uint64, uint8, bool, bytes32, uint16));
            assertEq(id, ++count);
            assertEq(assetOf[contentHash], 0);
            (ownerOf[id], royaltyOf[id], assetOf[contentHash]) = (_address(log.topics[3]), royaltyBps, id);
        } else if (topic == IAssetRegistry.Transferred.selector) {
            uint256 id = uint256(log.topics[1]);
            assertEq(ownerOf[id], _address(log.topics[2]));
            ownerOf[id] = _address(log.topics[3]);
            (, epochOf[id]) = abi.decode(log.data, (uint64, uint64));
        } else if (topic == IAssetRegistry.RoyaltyLowered.selector) {
            (, uint16 royaltyBps) = abi.decode(log.data, (uint64, uint16));
            assertLt(royaltyBps, royaltyOf[uint256(log.topics[1])], "a royalty rose");
            royaltyOf[uint256(log.topics[1])] = royaltyBps;
        } else if (topic == IMarket.Filled.selector) {
            _applyFill(log);
        } else if (topic == IMarket.NoncesCancelled.selector) {
            (, uint256[] memory list) = abi.decode(log.data, (uint64, uint256[]));
            nonceUsed[_address(log.topics[1])][list[0]] = true;
        } else if (topic == IMarket.MakerEpochAdvanced.selector) {
            (, makerEpochOf[_address(log.topics[1])]) = abi.decode(log.data, (uint64, uint64));
        } else if (topic == IMarket.CreditAdded.selector) {
            (, uint256 amount) = abi.decode(log.data, (uint64, uint256));
            creditOf[_address(log.topics[1])][_address(log.topics[2])] += amount;
        } else if (topic == IMarket.CreditWithdrawn.selector) {
            (,, uint256 amount) = abi.decode(log.data, (uint64, address, uint256));
            creditOf[_address(log.topics[1])][_address(log.topics[2])] -= amount;
        } else {
            _applyPayouts(log);
        }
    }

    function _applyFill(Vm.Log memory log) private {
        (, address taker, IMarket.Side side,, uint256 price, uint256 fee, uint256 royalty, uint256 net, uint256 nonce) =
            abi.decode(log.data, (uint64, address, IMarket.Side, address, uint256, uint256, uint256, uint256, uint256));
        assertEq(price, fee + royalty + net, "a price was not wholly divided");
        assertLe(fee, price * 500 / 10_000);
        assertEq(royalty, price * royaltyOf[uint256(log.topics[2])] / 10_000);
        address maker = _address(log.topics[3]);
        assertFalse(nonceUsed[maker][nonce], "a nonce was filled again");
        nonceUsed[maker][nonce] = true;
        assertEq(ownerOf[uint256(log.topics[2])], side == IMarket.Side.SELL ? taker : maker);
        ++fills;
    }

    function _applyPayouts(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == IPayouts.Funded.selector) {
            (, uint256 amount) = abi.decode(log.data, (uint64, uint256));
            fundedOf[_address(log.topics[2])] += amount;
        } else if (topic == IPayouts.RootProposed.selector) {
            assertEq(pendingRoot, 0, "a pending root was overwritten");
            (pendingRoot, activatableAt) = (log.topics[2], uint64(block.timestamp) + DELAY);
        } else if (topic == IPayouts.RootVetoed.selector) {
            assertEq(pendingRoot, log.topics[2]);
            pendingRoot = 0;
        } else if (topic == IPayouts.RootActivated.selector) {
            assertEq(pendingRoot, log.topics[2], "a root was activated that did not wait");
            assertGe(block.timestamp, activatableAt, "a root was activated early");
            (activeRoot, pendingRoot) = (pendingRoot, 0);
        } else if (topic == IPayouts.Claimed.selector) {
            (,, uint256 amount, uint256 cumulative) = abi.decode(log.data, (uint64, address, uint256, uint256));
            assertGt(amount, 0);
            assertLe(cumulative, promised[_address(log.topics[1])][_address(log.topics[2])], "more than was proven");
            claimedOf[_address(log.topics[2])] += amount;
        }
    }

    function _number() private view returns (uint64 number) {
        (, number,) = payouts.pendingRoot();
    }

    function _actor(uint256 seed) private view returns (address) {
        return actors[seed % ACTORS];
    }

    function _address(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }

    function _head(bytes memory data) private pure returns (bytes memory) {
        return abi.encodePacked(abi.decode(data, (bytes32)));
    }

    /// @dev What the invariants ask about.
    function system() external view returns (address, address, address, address) {
        return (address(registry), address(market), address(payouts), address(token));
    }
}
