// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IPayouts} from "./interfaces/IPayouts.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title AssetRegistry
/// @notice Who owns which work, its content hash, its royalty, its parents.
/// @dev Limitations: a content hash proves that bytes were registered, not who made them. Registrations can be
/// front-run. Tokens are minted and sold without the receiver's hook. There is no burn, and no role has power over an
/// asset: GOVERNOR sets the prefix of metadata addresses only.
contract AssetRegistry is ERC721, EIP712, AccessManaged, IERC2981, IAssetRegistry {
    // ------------------------------------------------------------------------------------------------------ constants

    uint16 public constant BPS = 10_000;
    /// @dev Half: beside the Market's highest fee it leaves a seller at least 45 %, and parents can still be paid well
    /// out of it.
    uint16 public constant MAX_ROYALTY_BPS = 5000;
    uint256 public constant MAX_CID_LENGTH = 128;
    uint256 public constant MAX_SHARES = 32;
    uint256 public constant MAX_PARENTS = 16;
    bytes32 public constant CONSENT_TYPEHASH = keccak256(
        "Consent(uint256 parentId,uint64 parentEpoch,bytes32 childContentHash,address registrant,uint256 deadline)"
    );

    bytes4 private constant ERC4906_INTERFACE_ID = 0x49064906;

    IPayouts public immutable PAYOUTS;

    // -------------------------------------------------------------------------------------------------------- storage

    /// @dev The owner lies beside what a sale reads and writes: one slot instead of the two that ERC721 and a record of
    /// our own would take.
    struct Asset {
        address owner;
        uint32 epoch;
        uint16 royaltyBps;
        Kind kind;
        bool open;
    }

    /// @dev One slot: registering writes both.
    struct State {
        uint64 seq;
        uint64 count;
    }

    State private _state;
    mapping(uint256 assetId => Asset) private _assets;
    mapping(address owner => uint256) private _held;
    mapping(bytes32 contentHash => uint256 assetId) private _assetOf;
    mapping(uint256 assetId => bytes32) private _lineage;
    string private _base;

    // ---------------------------------------------------------------------------------------------------- constructor

    constructor(address manager, IPayouts payouts)
        ERC721("Tributary", "TRIBUTARY")
        EIP712("Tributary Registry", "1")
        AccessManaged(manager)
    {
        PAYOUTS = payouts;
    }

    // ------------------------------------------------------------------------------------------------------- external

    /// @inheritdoc IAssetRegistry
    function register(Registration calldata registration) external returns (uint256 assetId) {
        _checkWork(registration);
        _checkShares(registration.shares);
        _checkParents(registration);

        assetId = ++_state.count;
        _assetOf[registration.contentHash] = assetId;
        if (!_isPlain(registration)) {
            _lineage[assetId] = keccak256(abi.encode(registration.parents, registration.shares));
        }
        Asset storage asset = _assets[assetId];
        asset.royaltyBps = registration.royaltyBps;
        asset.kind = registration.kind;
        asset.open = registration.open;
        _mint(registration.to, assetId);

        emit Registered({
            seq: ++_state.seq,
            assetId: assetId,
            registrant: msg.sender,
            to: registration.to,
            kind: registration.kind,
            open: registration.open,
            contentHash: registration.contentHash,
            royaltyBps: registration.royaltyBps,
            cid: registration.cid,
            shares: registration.shares,
            parents: registration.parents
        });
    }

    /// @inheritdoc IAssetRegistry
    function lowerRoyalty(uint256 assetId, uint16 royaltyBps) external {
        Asset storage asset = _ownedByCaller(assetId);
        if (asset.epoch != 0) revert RoyaltyFixed(assetId, asset.epoch);
        if (royaltyBps >= asset.royaltyBps) revert RoyaltyNotLower(assetId, asset.royaltyBps, royaltyBps);
        asset.royaltyBps = royaltyBps;
        emit RoyaltyLowered({seq: ++_state.seq, assetId: assetId, royaltyBps: royaltyBps});
    }

    /// @inheritdoc IAssetRegistry
    function updateCid(uint256 assetId, string calldata cid) external {
        _ownedByCaller(assetId);
        _checkCid(cid);
        emit CidUpdated({seq: ++_state.seq, assetId: assetId, cid: cid});
        emit MetadataUpdate(assetId);
    }

    /// @inheritdoc IAssetRegistry
    function setBaseURI(string calldata baseURI) external restricted {
        _base = baseURI;
        emit BaseURISet({seq: ++_state.seq, baseURI: baseURI});
        emit ContractURIUpdated();
        emit BatchMetadataUpdate(1, type(uint256).max);
    }

    // ---------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IAssetRegistry
    function detailsOf(uint256 assetId) external view returns (Details memory) {
        Asset memory asset = _assets[assetId];
        if (asset.owner == address(0)) revert AssetUnknown(assetId);
        return Details({
            owner: asset.owner, epoch: asset.epoch, royaltyBps: asset.royaltyBps, kind: asset.kind, open: asset.open
        });
    }

    /// @inheritdoc IAssetRegistry
    function epochOf(uint256 assetId) external view returns (uint64) {
        return _existing(assetId).epoch;
    }

    /// @inheritdoc IAssetRegistry
    function royaltyBpsOf(uint256 assetId) external view returns (uint16) {
        return _existing(assetId).royaltyBps;
    }

    /// @inheritdoc IAssetRegistry
    function assetOf(bytes32 contentHash) external view returns (uint256 assetId) {
        return _assetOf[contentHash];
    }

    /// @inheritdoc IAssetRegistry
    function lineageHash(uint256 assetId) external view returns (bytes32) {
        _existing(assetId);
        return _lineage[assetId];
    }

    /// @inheritdoc IAssetRegistry
    function royaltyInbox(uint256 assetId) public view returns (address) {
        _existing(assetId);
        return PAYOUTS.inboxOf(assetId);
    }

    /// @inheritdoc IERC2981
    function royaltyInfo(uint256 assetId, uint256 salePrice) external view returns (address receiver, uint256 amount) {
        receiver = royaltyInbox(assetId);
        amount = salePrice * _assets[assetId].royaltyBps / BPS;
    }

    /// @inheritdoc IAssetRegistry
    function assetCount() external view returns (uint256) {
        return _state.count;
    }

    /// @inheritdoc IAssetRegistry
    function eventSeq() external view returns (uint64) {
        return _state.seq;
    }

    /// @inheritdoc IAssetRegistry
    function contractURI() external view returns (string memory) {
        return bytes(_base).length == 0 ? "" : string.concat(_base, "collection");
    }

    /// @inheritdoc ERC721
    function balanceOf(address owner) public view override returns (uint256) {
        if (owner == address(0)) revert ERC721InvalidOwner(address(0));
        return _held[owner];
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, IERC165) returns (bool) {
        return interfaceId == type(IERC2981).interfaceId || interfaceId == ERC4906_INTERFACE_ID
            || super.supportsInterface(interfaceId);
    }

    // ------------------------------------------------------------------------------------------------------- internal

    /// @dev ERC721's own, kept in `_assets` and `_held`; counts transfers and numbers them. Never burns.
    function _update(address to, uint256 assetId, address auth) internal override returns (address from) {
        Asset storage asset = _assets[assetId];
        from = asset.owner;
        if (auth != address(0)) _checkAuthorized(from, auth, assetId);
        asset.owner = to;
        if (from == address(0)) {
            ++_held[to];
            emit Transfer(from, to, assetId);
            return from;
        }
        _approve({to: address(0), tokenId: assetId, auth: address(0), emitEvent: false});
        uint32 epoch = ++asset.epoch;
        --_held[from];
        ++_held[to];
        emit Transfer(from, to, assetId);
        emit Transferred({seq: ++_state.seq, assetId: assetId, from: from, to: to, epoch: epoch});
    }

    /// @inheritdoc ERC721
    function _ownerOf(uint256 assetId) internal view override returns (address) {
        return _assets[assetId].owner;
    }

    /// @inheritdoc ERC721
    function _baseURI() internal view override returns (string memory) {
        return _base;
    }

    function _existing(uint256 assetId) private view returns (Asset storage asset) {
        asset = _assets[assetId];
        if (asset.owner == address(0)) revert AssetUnknown(assetId);
    }

    function _ownedByCaller(uint256 assetId) private view returns (Asset storage asset) {
        asset = _existing(assetId);
        if (asset.owner != msg.sender) revert CallerNotOwner(assetId, msg.sender);
    }

    function _checkWork(Registration calldata registration) private view {
        bytes32 contentHash = registration.contentHash;
        if (contentHash == 0) revert ContentHashZero();
        uint256 existing = _assetOf[contentHash];
        if (existing != 0) revert ContentAlreadyRegistered(contentHash, existing);
        uint16 royaltyBps = registration.royaltyBps;
        if (royaltyBps > MAX_ROYALTY_BPS) revert RoyaltyTooHigh(royaltyBps, MAX_ROYALTY_BPS);
        _checkCid(registration.cid);
    }

    function _checkCid(string calldata cid) private pure {
        uint256 length = bytes(cid).length;
        if (length == 0 || length > MAX_CID_LENGTH) revert CidLengthInvalid(length, MAX_CID_LENGTH);
    }

    function _checkShares(Share[] calldata shares) private pure {
        uint256 count = shares.length;
        if (count == 0 || count > MAX_SHARES) revert SharesCountInvalid(count, MAX_SHARES);
        uint256 sum;
        address last;
        for (uint256 i; i < count; ++i) {
            Share calldata share = shares[i];
            if (share.account <= last || share.bps == 0) revert ShareInvalid(i);
            last = share.account;
            sum += share.bps;
        }
        if (sum != BPS) revert SharesSumInvalid(sum);
    }

    function _checkParents(Registration calldata registration) private view {
        uint256 count = registration.parents.length;
        uint256 consents = registration.consents.length;
        if (count > MAX_PARENTS) revert ParentsTooMany(count, MAX_PARENTS);
        if (consents != 0 && consents != count) revert ConsentsCountInvalid(consents, count);
        uint256 last;
        for (uint256 i; i < count; ++i) {
            uint256 parentId = registration.parents[i];
            if (parentId <= last) revert ParentsNotAscending(i);
            last = parentId;
            Asset storage parent = _assets[parentId];
            (address owner, bool open) = (parent.owner, parent.open);
            if (owner == address(0)) revert AssetUnknown(parentId);
            if (open || owner == msg.sender) continue;
            if (consents == 0 || registration.consents[i].length == 0) revert ConsentMissing(parentId, owner);
            _checkConsent(parentId, parent, registration.contentHash, registration.consents[i]);
        }
    }

    function _checkConsent(uint256 parentId, Asset storage parent, bytes32 childContentHash, bytes calldata consent)
        private
        view
    {
        (uint256 deadline, bytes memory signature) = abi.decode(consent, (uint256, bytes));
        if (block.timestamp > deadline) revert ConsentExpired(parentId, deadline);
        bytes32 digest = _hashTypedDataV4(
            keccak256(
                abi.encode(CONSENT_TYPEHASH, parentId, uint64(parent.epoch), childContentHash, msg.sender, deadline)
            )
        );
        if (!Signatures.isValid(parent.owner, digest, signature)) revert ConsentInvalid(parentId, parent.owner);
    }

    /// @dev No parents and one share of 10000 for the first holder: the lineage hash is left zero.
    function _isPlain(Registration calldata registration) private pure returns (bool) {
        return registration.parents.length == 0 && registration.shares.length == 1
            && registration.shares[0].account == registration.to;
    }
}
