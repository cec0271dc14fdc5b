// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Disputes about assets
/// @notice A claimant posts a bond and the asset's sales stop; its owner answers with the same bond; an arbiter rules, or
/// both settle, or the time runs out. Every dispute ends without anyone's cooperation, and bonds live here only. A
/// freeze stops sales and licences of the asset; it moves no asset and touches no payout, stake or credit.
interface IDisputes {
    enum Status {
        NONE,
        RAISED,
        COUNTERED,
        CLOSED
    }

    /// @notice Who is right: neither, the claimant, the respondent. Numbered as ERC-792 arbitrators rule.
    enum Ruling {
        SPLIT,
        CLAIMANT,
        RESPONDENT
    }

    /// @notice How a dispute ended: by the three rulings, by the parties, because the respondent did not answer, because
    /// the arbiter did not rule.
    enum Outcome {
        SPLIT,
        CLAIMANT,
        RESPONDENT,
        SETTLED,
        DEFAULTED,
        EXPIRED
    }

    /// @notice One dispute.
    /// @param deadline The last second to counter, then the last second to rule; when closed, the last second of the
    /// freeze that it left, or zero.
    /// @param bond What each party posts.
    struct Dispute {
        address claimant;
        uint40 deadline;
        Status status;
        address respondent;
        uint64 assetId;
        address arbiter;
        uint96 bond;
    }

    /// @notice What both parties sign to end a dispute themselves, an EIP-712 struct of domain "Tributary Disputes",
    /// version "1".
    /// @param toClaimant The claimant's part of the bonds that are held.
    /// @param toRespondent The respondent's part; both together are exactly what is held.
    /// @param frozenUntil Zero, or the last second, at most MAX_FREEZE ahead, in which the asset stays frozen.
    /// @param termsHash The hash of what else they agreed.
    /// @param deadline The last second in which it may be submitted.
    struct Settlement {
        uint256 disputeId;
        uint256 toClaimant;
        uint256 toRespondent;
        uint64 frozenUntil;
        bytes32 termsHash;
        uint256 deadline;
    }

    /// @notice A dispute began, and the asset is frozen for as long as it can last.
    /// @param seq This contract's event number: from 1, without gaps, over all events of this interface.
    event Raised(
        uint64 seq,
        uint256 indexed disputeId,
        uint256 indexed assetId,
        address indexed claimant,
        address respondent,
        address arbiter,
        uint256 bond,
        uint64 deadline,
        string evidenceCid
    );

    /// @notice The respondent answered; the arbiter has until `deadline`.
    event Countered(uint64 seq, uint256 indexed disputeId, uint64 deadline, string evidenceCid);

    /// @notice A dispute ended, and its bonds can be withdrawn.
    /// @param frozenUntil The last second in which the asset stays frozen; zero when it is free.
    event Closed(
        uint64 seq,
        uint256 indexed disputeId,
        uint256 indexed assetId,
        Outcome outcome,
        uint256 toClaimant,
        uint256 toRespondent,
        uint64 frozenUntil,
        bytes32 termsHash
    );

    /// @notice The claimant of an ended dispute freed the asset.
    event Released(uint64 seq, uint256 indexed disputeId, uint256 indexed assetId);

    /// @notice An account took its bonds.
    event BondWithdrawn(uint64 seq, address indexed account, address to, uint256 amount);

    /// @notice What later disputes ask of each party changed.
    event BondSet(uint64 seq, uint256 bond);

    /// @notice Who rules on later disputes changed.
    event ArbiterSet(uint64 seq, address arbiter);

    error BondOutOfBounds(uint256 bond, uint256 min, uint256 max);
    error BondMismatch(uint256 value, uint256 bond);
    error ArbiterInvalid(address arbiter);
    error CidLengthInvalid(uint256 length, uint256 max);
    error ClaimantIsOwner(uint256 assetId, address owner);
    error DisputeOpen(uint256 assetId, uint256 disputeId);
    error AssetFrozen(uint256 assetId, uint64 until);
    error AssetQuiet(uint256 assetId, uint64 until);
    error StatusIs(uint256 disputeId, Status status);
    error CallerNotRespondent(uint256 disputeId, address caller);
    error CallerNotArbiter(uint256 disputeId, address caller);
    error CallerNotClaimant(uint256 disputeId, address caller);
    error DeadlinePassed(uint256 disputeId, uint64 deadline);
    error DeadlineNotPassed(uint256 disputeId, uint64 deadline);
    error SettlementExpired(uint256 deadline);
    error SettlementSumInvalid(uint256 sum, uint256 held);
    error FreezeTooLong(uint64 until, uint64 max);
    error SignatureInvalid(address party);
    error NothingFrozen(uint256 disputeId);
    error NothingToWithdraw(address account);
    error ReceiverZero();

    /// @notice Raises a dispute about an asset against whoever owns it now. Needs exactly `bond` of native coin.
    /// @param evidenceCid Where the claim is laid out, 1 to 128 bytes.
    /// @dev Refused while the asset is frozen, and for QUIET_PERIOD after a dispute that the claimant did not win: a bond
    /// buys one freeze, not one after another.
    /// @return disputeId The dispute's number, from 1.
    function raise(uint256 assetId, string calldata evidenceCid) external payable returns (uint256 disputeId);

    /// @notice Answers a dispute with the same bond. Only the respondent, until the deadline.
    function counter(uint256 disputeId, string calldata evidenceCid) external payable;

    /// @notice Ends a dispute as both parties signed. Anyone who holds both signatures may submit it.
    /// @param claimantSignature 65 bytes, 64 bytes (ERC-2098), or what an ERC-1271 party accepts; so the respondent's.
    function settle(
        Settlement calldata settlement,
        bytes calldata claimantSignature,
        bytes calldata respondentSignature
    ) external;

    /// @notice Rules on a countered dispute. Only its arbiter, until the deadline. CLAIMANT: both bonds to it, and the
    /// asset stays frozen for MAX_FREEZE or until the claimant releases it. RESPONDENT: both bonds to it, and the asset
    /// is free. SPLIT: each its own.
    /// @dev Warning: an arbiter can give both bonds of a dispute to the wrong party, and no more.
    function rule(uint256 disputeId, Ruling ruling) external;

    /// @notice Ends a dispute whose deadline has passed. Not countered: the claimant gets its bond, and the asset stays
    /// frozen for DEFAULT_FREEZE or until it is released. Not ruled: each gets its own, and the asset is free.
    function timeout(uint256 disputeId) external;

    /// @notice Frees an asset that an ended dispute left frozen. Only that dispute's claimant.
    function release(uint256 disputeId) external;

    /// @notice Sends all bonds that are the caller's again to `to`.
    function withdrawBond(address to) external returns (uint256 amount);

    /// @notice Sets the bond of later disputes, within the bounds set at construction. Only GOVERNOR.
    function setBond(uint96 bond) external;

    /// @notice Sets the arbiter of later disputes. Only GOVERNOR.
    function setArbiter(address arbiter) external;

    /// @notice Whether sales of an asset are stopped now.
    function isFrozen(uint256 assetId) external view returns (bool);

    /// @notice A dispute, all zero when there is none of that number.
    function disputeOf(uint256 disputeId) external view returns (Dispute memory);

    /// @notice The open dispute about an asset; zero when there is none.
    function openDisputeOf(uint256 assetId) external view returns (uint256 disputeId);

    /// @notice The last second in which no dispute about an asset can be raised, after one that failed.
    function quietUntilOf(uint256 assetId) external view returns (uint64);

    /// @notice What an account can withdraw.
    function withdrawableOf(address account) external view returns (uint256);

    /// @notice The EIP-712 digest that both parties sign.
    function hashOf(Settlement calldata settlement) external view returns (bytes32);

    /// @notice The bond of the next dispute.
    function bond() external view returns (uint96);

    /// @notice The arbiter of the next dispute; zero until one is set.
    function arbiter() external view returns (address);

    /// @notice How many disputes there were.
    function disputeCount() external view returns (uint256);

    /// @notice The number of the last event.
    function eventSeq() external view returns (uint64);
}
