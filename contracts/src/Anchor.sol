// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAnchor} from "./interfaces/IAnchor.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @title Anchor
/// @notice Records the roots of the ledger, for ever.
/// @dev One slot holds everything. Its 176 bits of hash are enough: to pass off an anchor that was never made, anyone
/// needs a second preimage, some 2^176 hashes. Only ENGINE chooses what is hashed, so only ENGINE could look for a
/// collision, two different anchors with one head: some 2^88 hashes, before it anchors one of them and with the second
/// of its block foreseen. That is beyond reach today, but less than a whole hash would ask; it would gain ENGINE a second
/// root at the same place, and the event would show which of the two was anchored.
/// The manager is asked for ENGINE by its number, not for the function's role: that saves a tenth of an anchor's cost,
/// and means that `setTargetFunctionRole` and `setTargetClosed` do not apply here.
/// Limitations: the contract cannot see what a root covers. A proof needs the anchors after it, from events. At most
/// 2^32 anchors, and a ledger below 2^48 entries.
contract Anchor is AccessManaged, IAnchor {
    // ------------------------------------------------------------------------------------------------------ constants

    /// @notice The role that anchors, by its number in the access manager.
    uint64 public constant ENGINE = 2;

    // -------------------------------------------------------------------------------------------------------- storage

    /// @dev One slot.
    struct State {
        uint32 seq;
        uint48 size;
        bytes22 head;
    }

    State private _state;

    // ---------------------------------------------------------------------------------------------------- constructor

    constructor(address manager) AccessManaged(manager) {}

    // ------------------------------------------------------------------------------------------------------- external

    /// @inheritdoc IAnchor
    function anchor(bytes32 root, uint64 size) external returns (uint64 seq) {
        _checkEngine();
        State storage state = _state;
        (uint32 number, uint48 covered, bytes22 head) = (state.seq, state.size, state.head);
        if (root == 0) revert RootZero();
        if (size <= covered) revert SizeNotGrown(size, covered);
        if (size > type(uint48).max) revert SizeTooLarge(size, type(uint48).max);
        seq = ++number;
        head = _chain(head, seq, root, size, block.timestamp);
        (state.seq, state.size, state.head) = (number, uint48(size), head);
        emit Anchored({seq: seq, root: root, size: size, time: uint64(block.timestamp), head: head});
    }

    // ---------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IAnchor
    function verify(Entry[] calldata entries, bytes22 previousHead, bytes32 leaf, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        return isAnchored(entries, previousHead) && MerkleProof.verifyCalldata(proof, entries[0].root, leaf);
    }

    /// @inheritdoc IAnchor
    function isAnchored(Entry[] calldata entries, bytes22 previousHead) public view returns (bool) {
        bytes22 head = previousHead;
        for (uint256 i; i < entries.length; ++i) {
            Entry calldata entry = entries[i];
            head = _chain(head, entry.seq, entry.root, entry.size, entry.time);
        }
        return entries.length != 0 && head == _state.head;
    }

    /// @inheritdoc IAnchor
    function latest() external view returns (uint64 seq, uint64 size, bytes22 head) {
        State memory state = _state;
        return (state.seq, state.size, state.head);
    }

    /// @inheritdoc IAnchor
    function eventSeq() external view returns (uint64) {
        return _state.seq;
    }

    // ------------------------------------------------------------------------------------------------------- internal

    /// @dev A member whose calls have to wait cannot anchor.
    function _checkEngine() private view {
        (bool isMember, uint32 executionDelay) = IAccessManager(authority()).hasRole(ENGINE, msg.sender);
        if (!isMember || executionDelay != 0) revert AccessManagedUnauthorized(msg.sender);
    }

    function _chain(bytes22 head, uint256 seq, bytes32 root, uint256 size, uint256 time)
        private
        pure
        returns (bytes22)
    {
        return bytes22(keccak256(abi.encode(head, seq, root, size, time)));
    }
}
