// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The ledger's roots on chain
/// @notice The ledger of everything that happened off chain only grows. From time to time the Merkle root over all of it
/// is recorded here, for ever, so that no entry can later be changed, left out or dated back.
/// @dev Only a chained hash of what was anchored is stored. Whoever proves something brings the anchors from the one it
/// is proven by to the newest; the events have them. Every root covers the whole ledger so far, so the newest one proves
/// all that is old, and one anchor is enough to bring. An older one proves since when.
interface IAnchor {
    /// @notice One anchor.
    /// @param seq Its number, from 1 without gaps.
    /// @param root The Merkle root over the first `size` entries of the ledger.
    /// @param time When it was anchored, in seconds since 1970.
    struct Entry {
        uint32 seq;
        uint48 size;
        uint48 time;
        bytes32 root;
    }

    /// @notice A root was anchored.
    /// @param seq The anchor's number, which is this contract's event number too: from 1, without gaps.
    /// @param head The first 22 bytes of `keccak256(abi.encode(previous head, seq, root, size, time))`; before the first
    /// anchor the head is zero.
    event Anchored(uint64 seq, bytes32 root, uint64 size, uint64 time, bytes22 head);

    error RootZero();
    error SizeNotGrown(uint64 size, uint64 previous);
    error SizeTooLarge(uint64 size, uint64 max);

    /// @notice Anchors the root of the ledger's first `size` entries. Only ENGINE. Sizes strictly grow, below 2^48.
    /// @dev Warning: ENGINE decides what a root covers; that it covers what the one before did is shown off chain, by a
    /// proof of consistency.
    /// @return seq The anchor's number.
    function anchor(bytes32 root, uint64 size) external returns (uint64 seq);

    /// @notice Whether a leaf is under the root of `entries[0]`, and that was anchored.
    /// @param entries All anchors from the wanted one to the newest, in order.
    /// @param previousHead The head before `entries[0]`; zero before the first.
    /// @param leaf `keccak256(bytes.concat(keccak256(abi.encode(tag, ...))))` where `tag` names the kind of entry and the
    /// ledger: hashed twice, so that no inner node can pass for a leaf, and tagged, so that no entry can for another's.
    /// @param proof The siblings on the way up; pairs are sorted before hashing, an odd node moves up as it is.
    function verify(Entry[] calldata entries, bytes22 previousHead, bytes32 leaf, bytes32[] calldata proof)
        external
        view
        returns (bool);

    /// @notice Whether `entries` are the newest anchors, all of them from the first one given, after `previousHead`.
    /// False when an anchor was added since: bring that too.
    function isAnchored(Entry[] calldata entries, bytes22 previousHead) external view returns (bool);

    /// @notice The newest anchor: its number, the ledger's size, the chained hash; zeros before the first.
    function latest() external view returns (uint64 seq, uint64 size, bytes22 head);

    /// @notice The number of the last event.
    function eventSeq() external view returns (uint64);
}
