// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAnchor} from "../src/interfaces/IAnchor.sol";
import {BaseTest} from "./Base.t.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Vm} from "forge-std/Vm.sol";

abstract contract AnchorBase is BaseTest {
    IAnchor internal anchors;
    IAnchor.Entry[] internal entries;
    bytes22[] internal heads;

    function setUp() public virtual override {
        super.setUp();
        anchors = IAnchor(deployCode("Anchor.sol:Anchor", abi.encode(manager)));
    }

    function _anchor(bytes32 root, uint64 size) internal {
        vm.prank(engine);
        anchors.anchor(root, size);
    }

    /// @dev Anchors and notes, as whoever reads the events does.
    function _record(bytes32 root, uint64 size) internal {
        (uint64 seq,, bytes22 head) = anchors.latest();
        heads.push(head);
        entries.push(
            IAnchor.Entry({seq: uint32(seq + 1), size: uint48(size), time: uint48(block.timestamp), root: root})
        );
        _anchor(root, size);
    }

    /// @dev The entries from the one at `from` on.
    function _since(uint256 from) internal view returns (IAnchor.Entry[] memory run) {
        run = new IAnchor.Entry[](entries.length - from);
        for (uint256 i; i < run.length; ++i) {
            run[i] = entries[from + i];
        }
    }

    function _chain(bytes22 head, uint256 seq, bytes32 root, uint256 size) internal view returns (bytes22) {
        return bytes22(keccak256(abi.encode(head, seq, root, size, block.timestamp)));
    }
}

// anchor
// ├── when the caller is not ENGINE: it should revert
// ├── when the root is zero: it should revert
// ├── when the size is not above the one before, or 2^48 or more: it should revert
// └── else: it should number the anchor, chain it, and say all of it in the event
// isAnchored
// ├── given no entries: it should be false
// ├── given all entries from any one to the newest, and the head before them: it should be true
// └── given one is changed, left out, swapped or missing at the end, or another head: it should be false
// verify
// ├── given the entries are anchored and the proof leads to the first one's root: it should be true
// └── given either fails: it should be false
contract AnchorTest is AnchorBase {
    bytes32 internal constant ROOT = keccak256("root");

    function test_Constructor() public view {
        assertEq(anchors.eventSeq(), 0);
        (uint64 seq, uint64 size, bytes22 head) = anchors.latest();
        assertEq(seq, 0);
        assertEq(size, 0);
        assertEq(head, bytes22(0));
        assertEq(IAccessManaged(address(anchors)).authority(), address(manager));
    }

    // --------------------------------------------------------------------------------------------------------- anchor

    function test_Anchor() public {
        bytes22 first = _chain(0, 1, ROOT, 10);
        vm.expectEmit();
        emit IAnchor.Anchored(1, ROOT, 10, uint64(block.timestamp), first);
        vm.prank(engine);
        assertEq(anchors.anchor(ROOT, 10), 1);
        skip(1 days);
        bytes22 second = _chain(first, 2, "next", 11);
        vm.expectEmit();
        emit IAnchor.Anchored(2, "next", 11, uint64(block.timestamp), second);
        vm.prank(engine);
        assertEq(anchors.anchor("next", 11), 2);
        (uint64 seq, uint64 size, bytes22 head) = anchors.latest();
        assertEq(seq, 2);
        assertEq(size, 11);
        assertEq(head, second);
        assertEq(anchors.eventSeq(), 2);
    }

    function test_AnchorOfTheLargestLedger() public {
        _record(ROOT, type(uint48).max);
        assertTrue(anchors.isAnchored(_since(0), 0));
        vm.expectRevert(
            abi.encodeWithSelector(IAnchor.SizeTooLarge.selector, uint64(type(uint48).max) + 1, type(uint48).max)
        );
        _anchor(ROOT, uint64(type(uint48).max) + 1);
    }

    function test_RevertWhen_CallerIsNotEngine() public {
        address[4] memory callers = [admin, governor, guardian, stranger];
        for (uint256 i; i < callers.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, callers[i]));
            vm.prank(callers[i]);
            anchors.anchor(ROOT, 1);
        }
    }

    function test_RevertWhen_RootIsZero() public {
        vm.expectRevert(IAnchor.RootZero.selector);
        _anchor(0, 1);
    }

    function test_RevertWhen_SizeDoesNotGrow() public {
        vm.expectRevert(abi.encodeWithSelector(IAnchor.SizeNotGrown.selector, 0, 0));
        _anchor(ROOT, 0);
        _anchor(ROOT, 10);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.SizeNotGrown.selector, 10, 10));
        _anchor("other", 10);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.SizeNotGrown.selector, 9, 10));
        _anchor("other", 9);
    }

    function testFuzz_Anchor(bytes32 root, uint64 size, bytes32 nextRoot, uint64 nextSize) public {
        vm.assume(root != 0 && nextRoot != 0);
        size = uint64(bound(size, 1, type(uint48).max));
        _record(root, size);
        bool valid = nextSize > size && nextSize <= type(uint48).max;
        if (!valid) {
            vm.expectRevert();
            _anchor(nextRoot, nextSize);
            assertEq(anchors.eventSeq(), 1);
            return;
        }
        _record(nextRoot, nextSize);
        assertTrue(anchors.isAnchored(_since(0), 0));
    }

    /// @dev What the events say is all there is: it recomputes the stored head.
    function testFuzz_EventsTellEverything(uint8 count, uint256 seed) public {
        vm.recordLogs();
        uint64 size;
        for (uint256 i; i < bound(count, 1, 20); ++i) {
            bytes32 dice = keccak256(abi.encode(seed, i));
            size += 1 + uint64(uint256(dice) % 1e9);
            _anchor(dice, size);
            skip(uint256(dice) % 1 days);
        }
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bytes22 head;
        for (uint256 i; i < logs.length; ++i) {
            (uint64 seq, bytes32 root, uint64 covered, uint64 time, bytes22 said) =
                abi.decode(logs[i].data, (uint64, bytes32, uint64, uint64, bytes22));
            assertEq(seq, i + 1);
            head = bytes22(keccak256(abi.encode(head, seq, root, covered, time)));
            assertEq(said, head);
            size = covered;
        }
        (uint64 lastSeq, uint64 lastSize, bytes22 lastHead) = anchors.latest();
        assertEq(lastSeq, logs.length);
        assertEq(lastSize, size);
        assertEq(lastHead, head);
    }

    // ----------------------------------------------------------------------------------------------------- isAnchored

    function test_IsAnchoredFromAnyEntryOn() public {
        _recordFive();
        for (uint256 i; i < 5; ++i) {
            assertTrue(anchors.isAnchored(_since(i), heads[i]));
        }
        (,, bytes22 head) = anchors.latest();
        assertFalse(anchors.isAnchored(new IAnchor.Entry[](0), head));
        assertFalse(anchors.isAnchored(new IAnchor.Entry[](0), 0));
    }

    function test_IsNotAnchoredBeforeTheFirst() public view {
        assertFalse(anchors.isAnchored(new IAnchor.Entry[](0), 0));
        assertFalse(anchors.isAnchored(new IAnchor.Entry[](1), 0));
    }

    function test_IsNotAnchoredWhenAnythingDiffers() public {
        _recordFive();
        IAnchor.Entry[] memory run = _since(1);
        assertFalse(anchors.isAnchored(run, heads[0]));
        for (uint256 i; i < run.length; ++i) {
            run = _since(1);
            ++run[i].seq;
            assertFalse(anchors.isAnchored(run, heads[1]), "number");
            run = _since(1);
            ++run[i].size;
            assertFalse(anchors.isAnchored(run, heads[1]), "size");
            run = _since(1);
            --run[i].time;
            assertFalse(anchors.isAnchored(run, heads[1]), "time");
            run = _since(1);
            run[i].root = keccak256("forged");
            assertFalse(anchors.isAnchored(run, heads[1]), "root");
        }
        run = _since(1);
        (run[1], run[2]) = (run[2], run[1]);
        assertFalse(anchors.isAnchored(run, heads[1]), "order");
        run = _since(2);
        run[0] = entries[1];
        assertFalse(anchors.isAnchored(run, heads[1]), "one left out");
        run = _since(1);
        _record("newer", 1000);
        assertFalse(anchors.isAnchored(run, heads[1]), "not up to the newest");
        assertTrue(anchors.isAnchored(_since(1), heads[1]));
    }

    // --------------------------------------------------------------------------------------------------------- verify

    function test_Verify() public {
        (bytes32[] memory leaves, bytes32 root) = _ledger(7);
        _record(root, 7);
        for (uint256 i; i < 7; ++i) {
            (, bytes32[] memory proof) = _tree(leaves, i);
            assertTrue(anchors.verify(_since(0), heads[0], leaves[i], proof));
            assertFalse(anchors.verify(_since(0), heads[0], keccak256("absent"), proof));
            assertFalse(anchors.verify(_since(0), bytes22(ROOT), leaves[i], proof));
        }
        (, bytes32[] memory old) = _tree(leaves, 3);
        skip(1 hours);
        (leaves, root) = _ledger(20);
        _record(root, 20);
        (, bytes32[] memory anew) = _tree(leaves, 3);
        assertTrue(anchors.verify(_since(0), heads[0], leaves[3], old), "by the old root, with the newest");
        assertTrue(anchors.verify(_since(1), heads[1], leaves[3], anew), "by the newest alone");
        assertFalse(anchors.verify(_since(1), heads[1], leaves[3], old));
        assertFalse(anchors.verify(_since(0), heads[0], leaves[3], anew));
    }

    function test_VerifyNothing() public view {
        assertFalse(anchors.verify(new IAnchor.Entry[](0), 0, 0, new bytes32[](0)));
    }

    function testFuzz_Verify(uint8 count, uint8 which, uint8 later) public {
        uint256 size = bound(count, 1, 64);
        (bytes32[] memory leaves, bytes32 root) = _ledger(size);
        _record("before", 1);
        _record(root, uint64(size + 1));
        for (uint256 i; i < later % 8; ++i) {
            skip(1 hours);
            _record(bytes32(i + 1), uint64(size + 2 + i));
        }
        (, bytes32[] memory proof) = _tree(leaves, which % size);
        assertTrue(anchors.verify(_since(1), heads[1], leaves[which % size], proof));
        assertFalse(anchors.verify(_since(0), heads[0], leaves[which % size], proof));
    }

    /// @dev Leaves as the interface asks: tagged and hashed twice.
    function _ledger(uint256 size) private pure returns (bytes32[] memory leaves, bytes32 root) {
        leaves = new bytes32[](size);
        for (uint256 i; i < size; ++i) {
            leaves[i] = keccak256(bytes.concat(keccak256(abi.encode("test.entry", i))));
        }
        (root,) = _tree(leaves, 0);
    }

    function _recordFive() private {
        for (uint64 i = 1; i <= 5; ++i) {
            _record(keccak256(abi.encode(i)), 10 * i);
            skip(1 hours);
        }
    }
}

/// @notice What a whole transaction costs, intrinsic gas included. Of it 21 740 are the transaction and its data, 13 110
/// the manager's check, 5000 the one slot and 2030 the event.
/// forge-config: default.isolate = true
contract AnchorGasTest is AnchorBase {
    function test_Gas() public {
        _anchor(keccak256("first"), 1_000_000);
        vm.snapshotGasLastCall("gas", "anchor, first");
        _anchor(keccak256("second"), 1_000_100);
        uint256 used = vm.snapshotGasLastCall("gas", "anchor");
        assertLe(used, 43_500);
    }
}
