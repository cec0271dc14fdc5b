// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {DisputesBase, IDisputesContract} from "./Disputes.t.sol";
import {Forcer, OpenArbiter} from "./mocks/DisputeMocks.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice Ten actors over a few assets: they raise, counter, settle, are ruled on, run out of time, release, withdraw,
/// hand assets over, and GOVERNOR moves the bond and the arbiter. Keeps its own books.
contract DisputesHandler is Test {
    uint256 internal constant ACTORS = 10;

    IDisputesContract internal immutable DISPUTES;
    IERC721 internal immutable REGISTRY;
    address internal immutable GOVERNOR_ACCOUNT;
    uint256 internal immutable ASSETS;

    address[] public actors;
    mapping(address account => uint256) public keyOf;
    uint256 public bondsIn;
    uint256 public bondsOut;
    uint256 public forced;
    mapping(bytes32 step => uint256) public steps;

    constructor(IDisputesContract disputes, IERC721 registry, address governor, uint256 assets) {
        (DISPUTES, REGISTRY, GOVERNOR_ACCOUNT, ASSETS) = (disputes, registry, governor, assets);
        for (uint256 i; i < ACTORS; ++i) {
            (address actor, uint256 key) = makeAddrAndKey(string(abi.encode("actor", i)));
            actors.push(actor);
            keyOf[actor] = key;
        }
    }

    /// @dev Each handler does something possible, so that nothing may revert, or returns.
    function raise(uint256 actorSeed, uint256 assetSeed) external {
        uint256 assetId = bound(assetSeed, 1, ASSETS);
        address actor = _actor(actorSeed);
        if (actor == REGISTRY.ownerOf(assetId) || DISPUTES.openDisputeOf(assetId) != 0) return;
        if (DISPUTES.isFrozen(assetId) || block.timestamp <= DISPUTES.quietUntilOf(assetId)) return;
        uint96 bond = DISPUTES.bond();
        deal(actor, bond);
        vm.prank(actor);
        DISPUTES.raise{value: bond}(assetId, "cid");
        bondsIn += bond;
        ++steps["raise"];
    }

    function counter(uint256 assetSeed) external {
        (uint256 disputeId, IDisputes.Dispute memory dispute) = _open(assetSeed);
        if (dispute.status != IDisputes.Status.RAISED || block.timestamp > dispute.deadline) return;
        deal(dispute.respondent, dispute.bond);
        vm.prank(dispute.respondent);
        DISPUTES.counter{value: dispute.bond}(disputeId, "cid");
        bondsIn += dispute.bond;
        ++steps["counter"];
    }

    function settle(uint256 assetSeed, uint256 part, uint256 freeze) external {
        (uint256 disputeId, IDisputes.Dispute memory dispute) = _open(assetSeed);
        if (disputeId == 0) return;
        uint256 held = dispute.status == IDisputes.Status.RAISED ? dispute.bond : 2 * uint256(dispute.bond);
        part = bound(part, 0, held);
        IDisputes.Settlement memory settlement = IDisputes.Settlement({
            disputeId: disputeId,
            toClaimant: part,
            toRespondent: held - part,
            frozenUntil: uint64(bound(freeze, 0, block.timestamp + 180 days)),
            termsHash: keccak256(abi.encode(part)),
            deadline: block.timestamp
        });
        bytes32 digest = DISPUTES.hashOf(settlement);
        DISPUTES.settle(settlement, _sign(dispute.claimant, digest), _sign(dispute.respondent, digest));
        ++steps["settle"];
    }

    function rule(uint256 assetSeed, uint8 ruling) external {
        (uint256 disputeId, IDisputes.Dispute memory dispute) = _open(assetSeed);
        if (dispute.status != IDisputes.Status.COUNTERED || block.timestamp > dispute.deadline) return;
        OpenArbiter(dispute.arbiter).rule(disputeId, IDisputes.Ruling(ruling % 3));
        ++steps["rule"];
    }

    function timeout(uint256 assetSeed, uint256 wait) external {
        (uint256 disputeId, IDisputes.Dispute memory dispute) = _open(assetSeed);
        if (disputeId == 0) return;
        if (block.timestamp <= dispute.deadline) vm.warp(uint256(dispute.deadline) + 1 + wait % 60 days);
        DISPUTES.timeout(disputeId);
        ++steps["timeout"];
    }

    function release(uint256 disputeSeed) external {
        uint256 count = DISPUTES.disputeCount();
        if (count == 0) return;
        uint256 disputeId = bound(disputeSeed, 1, count);
        IDisputes.Dispute memory dispute = DISPUTES.disputeOf(disputeId);
        vm.prank(dispute.claimant);
        (bool done,) = address(DISPUTES).call(abi.encodeCall(DISPUTES.release, (disputeId)));
        if (done) ++steps["release"];
    }

    function withdraw(uint256 actorSeed, uint256 toSeed) external {
        (address actor, address to) = (_actor(actorSeed), _actor(toSeed));
        uint256 due = DISPUTES.withdrawableOf(actor);
        if (due == 0) return;
        uint256 before = to.balance;
        vm.prank(actor);
        assertEq(DISPUTES.withdrawBond(to), due);
        assertEq(to.balance - before, due);
        bondsOut += due;
        ++steps["withdraw"];
    }

    /// @dev A freeze, an open dispute and their ends never stop a transfer.
    function transfer(uint256 assetSeed, uint256 toSeed) external {
        uint256 assetId = bound(assetSeed, 1, ASSETS);
        address from = REGISTRY.ownerOf(assetId);
        vm.prank(from);
        REGISTRY.transferFrom(from, _actor(toSeed), assetId);
        ++steps["transfer"];
    }

    function govern(uint256 bond, bool arbiter) external {
        vm.startPrank(GOVERNOR_ACCOUNT);
        if (arbiter) DISPUTES.setArbiter(address(new OpenArbiter(DISPUTES)));
        else DISPUTES.setBond(uint96(bound(bond, DISPUTES.MIN_BOND(), DISPUTES.MAX_BOND())));
        vm.stopPrank();
    }

    function force(uint64 amount) external {
        deal(address(this), amount);
        new Forcer{value: amount}(payable(address(DISPUTES)));
        forced += amount;
    }

    function wait(uint256 time) external {
        skip(bound(time, 0, 20 days));
    }

    function _actor(uint256 seed) private view returns (address) {
        return actors[seed % ACTORS];
    }

    function _open(uint256 assetSeed) private view returns (uint256 disputeId, IDisputes.Dispute memory dispute) {
        disputeId = DISPUTES.openDisputeOf(bound(assetSeed, 1, ASSETS));
        dispute = DISPUTES.disputeOf(disputeId);
    }

    function _sign(address account, bytes32 digest) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[account], digest);
        return abi.encodePacked(r, s, v);
    }
}

/// @notice Laws 21 and 22, and what ties open disputes, freezes and events together.
contract DisputesInvariantsTest is DisputesBase {
    uint256 internal constant ASSETS = 3;

    DisputesHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new DisputesHandler(disputes, registry, governor, ASSETS);
        for (uint256 i; i < ASSETS; ++i) {
            if (i != 0) _register(alice, bytes32(i));
            vm.startPrank(alice);
            registry.transferFrom(alice, handler.actors(i), i + 1);
            vm.stopPrank();
        }
        targetContract(address(handler));
    }

    /// @dev Law 21: bonds in == out + held, to the wei; held is the open disputes' and what can be withdrawn.
    function invariant_BondsInAreOutOrHeld() public view {
        uint256 held;
        for (uint256 id = 1; id <= disputes.disputeCount(); ++id) {
            IDisputes.Dispute memory dispute = disputes.disputeOf(id);
            if (dispute.status == IDisputes.Status.RAISED) held += dispute.bond;
            if (dispute.status == IDisputes.Status.COUNTERED) held += 2 * uint256(dispute.bond);
        }
        for (uint256 i; i < 10; ++i) {
            held += disputes.withdrawableOf(handler.actors(i));
        }
        assertEq(handler.bondsIn(), handler.bondsOut() + held);
        assertEq(address(disputes).balance, held + handler.forced());
    }

    /// @dev Law 22: time and `timeout` alone end every dispute, twice at most, whoever holds the asset.
    function invariant_EveryDisputeEndsByTimeAlone() public {
        uint256 state = vm.snapshotState();
        skip(60 days);
        for (uint256 assetId = 1; assetId <= ASSETS; ++assetId) {
            uint256 disputeId = disputes.openDisputeOf(assetId);
            if (disputeId == 0) continue;
            vm.prank(stranger);
            disputes.timeout(disputeId);
            assertEq(uint8(disputes.disputeOf(disputeId).status), uint8(IDisputes.Status.CLOSED));
            assertEq(disputes.openDisputeOf(assetId), 0);
        }
        skip(365 days);
        for (uint256 assetId = 1; assetId <= ASSETS; ++assetId) {
            assertFalse(disputes.isFrozen(assetId));
        }
        vm.revertToState(state);
    }

    /// @dev At most one open dispute an asset, and the asset is frozen up to its deadline.
    function invariant_OpenDisputesFreezeTheirAssets() public view {
        uint256 open;
        for (uint256 id = 1; id <= disputes.disputeCount(); ++id) {
            IDisputes.Dispute memory dispute = disputes.disputeOf(id);
            if (dispute.status == IDisputes.Status.CLOSED) continue;
            ++open;
            assertEq(disputes.openDisputeOf(dispute.assetId), id);
            assertGe(registry.detailsOf(dispute.assetId).frozenUntil, dispute.deadline);
        }
        uint256 listed;
        for (uint256 assetId = 1; assetId <= ASSETS; ++assetId) {
            if (disputes.openDisputeOf(assetId) != 0) ++listed;
            assertLe(registry.detailsOf(assetId).frozenUntil, block.timestamp + 180 days);
        }
        assertEq(open, listed);
    }

    /// @dev Disputes never owns an asset.
    function invariant_NoAssetIsHeld() public view {
        assertEq(registry.balanceOf(address(disputes)), 0);
    }
}

/// @notice Law 25 for Disputes: the state rebuilt from its logs alone, after a long random course.
contract DisputesMirrorTest is DisputesBase {
    uint256 internal constant ASSETS = 3;

    DisputesHandler internal handler;
    uint64 internal seq;
    uint256 internal bondSeen;
    address internal arbiterSeen;
    mapping(uint256 disputeId => IDisputes.Dispute) internal disputesSeen;
    mapping(uint256 assetId => uint256) internal openSeen;
    mapping(uint256 assetId => uint64) internal quietSeen;
    mapping(address account => uint256) internal withdrawableSeen;

    function setUp() public override {
        vm.recordLogs();
        super.setUp();
        handler = new DisputesHandler(disputes, registry, governor, ASSETS);
        for (uint256 i; i < ASSETS; ++i) {
            if (i != 0) _register(alice, bytes32(i));
            vm.startPrank(alice);
            registry.transferFrom(alice, handler.actors(i), i + 1);
            vm.stopPrank();
        }
        _read();
    }

    /// forge-config: default.fuzz.runs = 32
    function testFuzz_StateFromLogs(uint256 seed) public {
        for (uint256 i; i < 60; ++i) {
            _step(uint256(keccak256(abi.encode(seed, i))));
            _read();
        }
        assertEq(disputes.eventSeq(), seq);
        assertEq(disputes.bond(), bondSeen);
        assertEq(disputes.arbiter(), arbiterSeen);
        for (uint256 id = 1; id <= disputes.disputeCount(); ++id) {
            assertEq(keccak256(abi.encode(disputes.disputeOf(id))), keccak256(abi.encode(disputesSeen[id])));
        }
        for (uint256 assetId = 1; assetId <= ASSETS; ++assetId) {
            assertEq(disputes.openDisputeOf(assetId), openSeen[assetId]);
            assertEq(disputes.quietUntilOf(assetId), quietSeen[assetId]);
        }
        for (uint256 i; i < 10; ++i) {
            assertEq(disputes.withdrawableOf(handler.actors(i)), withdrawableSeen[handler.actors(i)]);
        }
    }

    function _step(uint256 r) private {
        uint256 choice = r % 12;
        (uint256 a, uint256 b) = (r >> 32, r >> 96);
        if (choice < 3) handler.raise(a, b);
        else if (choice < 5) handler.counter(a);
        else if (choice == 5) handler.rule(a, uint8(b));
        else if (choice == 6) handler.settle(a, b, r >> 128);
        else if (choice == 7) handler.timeout(a, b);
        else if (choice == 8) handler.release(a);
        else if (choice == 9) handler.withdraw(a, b);
        else if (choice == 10) handler.govern(a, b % 2 == 0);
        else handler.wait(a);
    }

    function _read() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter != address(disputes) || logs[i].topics[0] == keccak256("AuthorityUpdated(address)")) {
                continue;
            }
            uint64 number = abi.decode(logs[i].data, (uint64));
            assertEq(number, ++seq);
            _apply(logs[i].topics, logs[i].data);
        }
    }

    function _apply(bytes32[] memory topics, bytes memory data) private {
        uint256 id = topics.length > 1 ? uint256(topics[1]) : 0;
        if (topics[0] == IDisputes.Raised.selector) {
            _applyRaised(id, uint256(topics[2]), address(uint160(uint256(topics[3]))), data);
        } else if (topics[0] == IDisputes.Countered.selector) {
            (, uint64 deadline,) = abi.decode(data, (uint64, uint64, string));
            (disputesSeen[id].status, disputesSeen[id].deadline) = (IDisputes.Status.COUNTERED, uint40(deadline));
        } else if (topics[0] == IDisputes.Closed.selector) {
            _applyClosed(id, uint256(topics[2]), data);
        } else if (topics[0] == IDisputes.Released.selector) {
            disputesSeen[id].deadline = 0;
        } else if (topics[0] == IDisputes.BondWithdrawn.selector) {
            (,, uint256 amount) = abi.decode(data, (uint64, address, uint256));
            withdrawableSeen[address(uint160(id))] -= amount;
        } else if (topics[0] == IDisputes.BondSet.selector) {
            (, bondSeen) = abi.decode(data, (uint64, uint256));
        } else {
            assertEq(topics[0], IDisputes.ArbiterSet.selector);
            (, arbiterSeen) = abi.decode(data, (uint64, address));
        }
    }

    function _applyRaised(uint256 id, uint256 assetId, address claimant, bytes memory data) private {
        (, address respondent, address named, uint256 posted, uint64 deadline,) =
            abi.decode(data, (uint64, address, address, uint256, uint64, string));
        disputesSeen[id] = IDisputes.Dispute({
            claimant: claimant,
            deadline: uint40(deadline),
            status: IDisputes.Status.RAISED,
            respondent: respondent,
            assetId: uint64(assetId),
            arbiter: named,
            bond: uint96(posted)
        });
        openSeen[assetId] = id;
    }

    function _applyClosed(uint256 id, uint256 assetId, bytes memory data) private {
        (, IDisputes.Outcome outcome, uint256 toClaimant, uint256 toRespondent, uint64 until,) =
            abi.decode(data, (uint64, IDisputes.Outcome, uint256, uint256, uint64, bytes32));
        IDisputes.Dispute storage dispute = disputesSeen[id];
        (dispute.status, dispute.deadline) = (IDisputes.Status.CLOSED, uint40(until));
        openSeen[assetId] = 0;
        withdrawableSeen[dispute.claimant] += toClaimant;
        withdrawableSeen[dispute.respondent] += toRespondent;
        if (_startsQuiet(outcome)) quietSeen[assetId] = uint64(block.timestamp + disputes.QUIET_PERIOD());
    }

    function _startsQuiet(IDisputes.Outcome outcome) private pure returns (bool) {
        return outcome == IDisputes.Outcome.RESPONDENT || outcome == IDisputes.Outcome.SPLIT
            || outcome == IDisputes.Outcome.EXPIRED;
    }
}
