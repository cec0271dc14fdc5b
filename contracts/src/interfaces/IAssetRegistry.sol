// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Who owns which work, its content hash, its royalty, its parents
/// @notice A work is registered once, by its content hash, and becomes an ERC-721 token. The works it was made from are
/// its parents: always older tokens, so the graph has no cycles by construction. Everything an indexer needs is in the
/// events.
interface IAssetRegistry {
    enum Kind {
        CODE,
        MODEL,
        MUSIC,
        TEXT,
        IMAGE,
        DATASET,
        DESIGN,
        PHYSICAL
    }

    /// @notice An owner's part of a work's income, in basis points.
    struct Share {
        address account;
        uint16 bps;
    }

    /// @notice What is said of a work when it is registered.
    /// @param to The first holder of the token.
    /// @param kind What sort of work it is.
    /// @param open Whether anyone may derive from it without consent.
    /// @param contentHash The hash of the work's bytes; registered once, never changes.
    /// @param cid The content identifier of the metadata, 1 to 128 bytes.
    /// @param royaltyBps The royalty on sales, in basis points, at most MAX_ROYALTY_BPS.
    /// @param shares 1 to 32 shares, ascending by account, each above zero, that sum to 10000.
    /// @param parents At most 16 older assets, ascending.
    /// @param consents None at all, or one for each parent: empty when the parent is open or held by the registrant;
    /// the 32 bytes of a licence's id, to use a licence that the registrant holds; else the 32 bytes of a deadline
    /// followed by a signature, `abi.encodePacked(uint256 deadline, bytes signature)`, by the parent's holder of the EIP-712 struct
    /// `Consent(uint256 parentId,uint64 parentEpoch,bytes32 childContentHash,address registrant,uint256 deadline)`.
    struct Registration {
        address to;
        Kind kind;
        bool open;
        bytes32 contentHash;
        string cid;
        uint16 royaltyBps;
        Share[] shares;
        uint256[] parents;
        bytes[] consents;
    }

    /// @notice What the registry stores of an asset besides its lineage hash. `frozenUntil` is the last second in which
    /// a dispute stops its sale, zero when none ever did.
    struct Details {
        address owner;
        uint64 epoch;
        uint64 frozenUntil;
        uint16 royaltyBps;
        Kind kind;
        bool open;
    }

    /// @notice A work was registered and its token minted to `to`.
    /// @param seq This contract's event number: from 1, without gaps, over all events of this interface
    /// that carry one. ERC-721's Transfer of the mint precedes it.
    event Registered(
        uint64 seq,
        uint256 indexed assetId,
        address indexed registrant,
        address indexed to,
        Kind kind,
        bool open,
        bytes32 contentHash,
        uint16 royaltyBps,
        string cid,
        Share[] shares,
        uint256[] parents
    );

    /// @notice An asset changed hands for the `epoch`-th time. Follows ERC-721's Transfer, which says from whom to whom.
    /// Carries no `seq`: an asset's epochs count from 1 without gaps.
    event Transferred(uint256 indexed assetId, uint64 epoch);

    /// @notice An asset's metadata moved to another content identifier.
    event CidUpdated(uint64 seq, uint256 indexed assetId, string cid);

    /// @notice An asset's royalty fell.
    event RoyaltyLowered(uint64 seq, uint256 indexed assetId, uint16 royaltyBps);

    /// @notice A dispute stops sales of an asset, and licences to it, up to and including a second; zero, or a time
    /// gone by: no longer.
    event FrozenUntilSet(uint64 seq, uint256 indexed assetId, uint64 until);

    /// @notice Licences and Disputes were tied to the registry.
    event Linked(uint64 seq, address licences, address disputes);

    /// @notice The prefix of the metadata addresses changed.
    event BaseURISet(uint64 seq, string baseURI);

    /// @notice ERC-4906: an asset's metadata changed.
    event MetadataUpdate(uint256 _tokenId);

    /// @notice ERC-4906: the metadata of a range of assets changed.
    event BatchMetadataUpdate(uint256 _fromTokenId, uint256 _toTokenId);

    /// @notice ERC-7572: the collection's metadata changed.
    event ContractURIUpdated();

    error AssetUnknown(uint256 assetId);
    error CallerNotOwner(uint256 assetId, address caller);
    error ContentHashZero();
    error ContentAlreadyRegistered(bytes32 contentHash, uint256 assetId);
    error CidLengthInvalid(uint256 length, uint256 max);
    error RoyaltyTooHigh(uint16 royaltyBps, uint16 max);
    error RoyaltyNotLower(uint256 assetId, uint16 current, uint16 requested);
    error RoyaltyFixed(uint256 assetId, uint64 epoch);
    error SharesCountInvalid(uint256 count, uint256 max);
    error ShareInvalid(uint256 index);
    error SharesSumInvalid(uint256 sum);
    error ParentsTooMany(uint256 count, uint256 max);
    error ParentsNotAscending(uint256 index);
    error ConsentsCountInvalid(uint256 count, uint256 parents);
    error ConsentMissing(uint256 parentId, address owner);
    error BatchTooLong(uint256 count, uint256 max);
    error SignatureExpired(address signer, uint256 deadline);
    error SignatureInvalid(address signer);
    error SellerNotOwner(uint256 assetId, address seller, address owner);
    error AssetEpochPassed(uint256 assetId, uint64 orderEpoch, uint64 assetEpoch);
    error AssetFrozen(uint256 assetId, uint64 until);
    error CallerNotDisputes(address caller);
    error LinkInvalid();

    /// @notice Registers a work and mints its token.
    /// @dev Warning: whoever registers a content hash first has it. A registration can be copied from the public
    /// mempool and sent first; send valuable ones through a private relay.
    /// @return assetId The new asset's id: one more than the last.
    function register(Registration calldata registration) external returns (uint256 assetId);

    /// @notice Registers works in turn, at most 64; all or none.
    /// @return firstId The id of the first; the others follow it.
    function registerBatch(Registration[] calldata registrations) external returns (uint256 firstId);

    /// @notice Registers a work for somebody who signed for it, so that another may pay for the transaction.
    /// @param registrant Who signed, an account or an ERC-1271 contract: the EIP-712 struct `Registration(address
    /// registrant,address to,uint8 kind,bool open,bytes32 contentHash,string cid,uint16 royaltyBps,Share[] shares,
    /// uint256[] parents,uint256 deadline)Share(address account,uint16 bps)`, without line breaks. A work is registered
    /// once, so the signature needs no nonce.
    function registerBySig(
        Registration calldata registration,
        address registrant,
        uint256 deadline,
        bytes calldata signature
    ) external returns (uint256 assetId);

    /// @notice A transfer that is a sale: as ERC-721's transferFrom, and only in the epoch that the order was made for,
    /// and not while a dispute freezes the asset.
    /// @return royaltyBps What the sale owes upstream.
    function transferForSale(address from, address to, uint256 assetId, uint64 epoch)
        external
        returns (uint16 royaltyBps);

    /// @notice Lowers an asset's royalty. Only its first holder, and only before the first transfer: later holders
    /// cannot cut off those upstream.
    function lowerRoyalty(uint256 assetId, uint16 royaltyBps) external;

    /// @notice Points an asset's metadata to another content identifier. Only its owner. The work's own hash never
    /// changes.
    function updateCid(uint256 assetId, string calldata cid) external;

    /// @notice Stops sales of an asset, and licences to it, up to and including a second. Only Disputes.
    function setFrozenUntil(uint256 assetId, uint64 until) external;

    /// @notice Ties Licences and Disputes to the registry: once, for ever. Only the admin.
    function link(address licences, address disputes) external;

    /// @notice Sets the prefix of `tokenURI`, which is `contractURI` too. Only GOVERNOR.
    function setBaseURI(string calldata baseURI) external;

    /// @notice What is stored of an asset, in one call. Reverts when it does not exist.
    function detailsOf(uint256 assetId) external view returns (Details memory);

    /// @notice How many times an asset was transferred. Orders and consents bind to it.
    function epochOf(uint256 assetId) external view returns (uint64);

    /// @notice The contract whose licences cover derived works; zero before `link`.
    function licences() external view returns (address);

    /// @notice The contract that may freeze assets; zero before `link`.
    function disputes() external view returns (address);

    /// @notice The asset that was registered for a content hash; 0 when none was.
    function assetOf(bytes32 contentHash) external view returns (uint256 assetId);

    /// @notice `keccak256(abi.encode(parents, shares))` as registered, with types `(uint256[], (address,uint16)[])`.
    /// Zero stands for the common case of no parents and the one share of 10000 for the first holder, which saves such
    /// works a fifth of the cost of registering.
    function lineageHash(uint256 assetId) external view returns (bytes32);

    /// @notice Where foreign markets send an asset's royalties: the asset's inbox, whose address is known before it is
    /// deployed.
    function royaltyInbox(uint256 assetId) external view returns (address);

    /// @notice How many assets are registered; their ids are 1 to this number.
    function assetCount() external view returns (uint256);

    /// @notice The number of the last event.
    function eventSeq() external view returns (uint64);

    /// @notice ERC-7572: where the collection's metadata is, the prefix of `tokenURI` itself.
    function contractURI() external view returns (string memory);
}
