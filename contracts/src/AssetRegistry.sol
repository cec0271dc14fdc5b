// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {ILicences} from "./interfaces/ILicences.sol";
import {IPayouts} from "./interfaces/IPayouts.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

/// @title AssetRegistry
/// @notice Who owns which work, its content hash, its royalty, its parents.
/// @dev Limitations: a content hash proves that bytes were registered, not who made them. Registrations can be
/// front-run. Tokens are minted and sold without the receiver's hook. There is no burn, and no role has power over an
/// asset: GOVERNOR sets the prefix of metadata addresses, the admin ties Licences and Disputes to the registry once,
/// and Disputes can stop the sale of an asset for a time, not its transfer.
contract AssetRegistry is ERC721, EIP712, AccessManaged, IERC2981, IAssetRegistry {
    using BitMaps for BitMaps.BitMap;
    using SafeCast for uint256;

    // ------------------------------------------------------------------------------------------------------ constants

    uint16 private constant BPS = 10_000;
    /// @dev Half: beside the Market's highest fee it leaves a seller at least 45 %, and parents can still be paid well
    /// out of it.
    uint16 private constant MAX_ROYALTY_BPS = 5000;
    uint256 private constant MAX_CID_LENGTH = 128;
    uint256 private constant MAX_SHARES = 32;
    uint256 private constant MAX_PARENTS = 16;
    uint256 private constant MAX_BATCH = 64;
    bytes32 private constant CONSENT_TYPEHASH = keccak256(
        "Consent(uint256 parentId,uint64 parentEpoch,bytes32 childContentHash,address registrant,uint256 deadline)"
    );
    bytes32 private constant SHARE_TYPEHASH = keccak256("Share(address account,uint16 bps)");
    bytes32 private constant REGISTRATION_TYPEHASH = keccak256(
        "Registration(address registrant,address to,uint8 kind,bool open,bytes32 contentHash,string cid,"
        "uint16 royaltyBps,Share[] shares,uint256[] parents,uint256 deadline)Share(address account,uint16 bps)"
    );

    bytes4 private constant ERC4906_INTERFACE_ID = 0x49064906;

    IPayouts public immutable PAYOUTS;

    // -------------------------------------------------------------------------------------------------------- storage

    /// @dev The owner lies beside what a sale reads and writes: one slot instead of the two that ERC721 and a record of
    /// our own would take. `approved` says whether ERC721 may hold an approval of the token, so that most transfers need
    /// not look.
    struct Asset {
        address owner;
        uint32 epoch;
        uint32 frozenUntil;
        uint16 royaltyBps;
        Kind kind;
        bool approved;
    }

    /// @dev One slot: registering writes both.
    struct State {
        uint64 seq;
        uint64 count;
    }

    State private _state;
    mapping(uint256 assetId => Asset) private _assets;
    mapping(address owner => uint256) private _held;
    /// @dev Which assets need consent to be derived from, 256 a slot: reading all of a registration's parents often costs
    /// one slot.
    BitMaps.BitMap private _closed;
    mapping(bytes32 contentHash => uint256 assetId) private _assetOf;
    mapping(uint256 assetId => bytes32) private _lineage;
    string private _base;
    /// @inheritdoc IAssetRegistry
    address public licences;
    /// @inheritdoc IAssetRegistry
    address public disputes;

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
        return _register(registration, msg.sender);
    }

    /// @inheritdoc IAssetRegistry
    function registerBatch(Registration[] calldata registrations) external returns (uint256 firstId) {
        if (registrations.length > MAX_BATCH) revert BatchTooLong(registrations.length, MAX_BATCH);
        firstId = _state.count + 1;
        for (uint256 i; i < registrations.length; ++i) {
            _register(registrations[i], msg.sender);
        }
    }

    /// @inheritdoc IAssetRegistry
    function registerBySig(
        Registration calldata registration,
        address registrant,
        uint256 deadline,
        bytes calldata signature
    ) external returns (uint256 assetId) {
        _checkSignature(registrant, _structHash(registration, registrant, deadline), deadline, signature);
        return _register(registration, registrant);
    }

    /// @inheritdoc IAssetRegistry
    function transferForSale(address from, address to, uint256 assetId, uint64 epoch)
        external
        returns (uint16 royaltyBps)
    {
        Asset storage asset = _assets[assetId];
        if (asset.owner != from) revert SellerNotOwner(assetId, from, asset.owner);
        if (asset.epoch != epoch) revert AssetEpochPassed(assetId, epoch, asset.epoch);
        if (block.timestamp <= asset.frozenUntil) revert AssetFrozen(assetId, asset.frozenUntil);
        if (to == address(0)) revert ERC721InvalidReceiver(to);
        _update(to, assetId, msg.sender);
        return asset.royaltyBps;
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
    function setFrozenUntil(uint256 assetId, uint64 until) external {
        if (msg.sender != disputes) revert CallerNotDisputes(msg.sender);
        _existing(assetId).frozenUntil = uint256(until).toUint32();
        emit FrozenUntilSet({seq: ++_state.seq, assetId: assetId, until: until});
    }

    /// @inheritdoc IAssetRegistry
    function link(address licences_, address disputes_) external restricted {
        if (licences != address(0) || licences_ == address(0) || disputes_ == address(0)) revert LinkInvalid();
        (licences, disputes) = (licences_, disputes_);
        emit Linked({seq: ++_state.seq, licences: licences_, disputes: disputes_});
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
        Asset storage asset = _existing(assetId);
        return Details({
            owner: asset.owner,
            epoch: asset.epoch,
            frozenUntil: asset.frozenUntil,
            royaltyBps: asset.royaltyBps,
            kind: asset.kind,
            open: !_closed.get(assetId)
        });
    }

    /// @inheritdoc IAssetRegistry
    function epochOf(uint256 assetId) external view returns (uint64) {
        return _existing(assetId).epoch;
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
        return _base;
    }

    function eip712Domain()
        public
        view
        override
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory)
    {
        return (hex"0f", "Tributary Registry", "1", block.chainid, address(this), bytes32(0), new uint256[](0));
    }

    function name() public pure override returns (string memory) {
        return "Tributary";
    }

    function symbol() public pure override returns (string memory) {
        return "TRIBUTARY";
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

    function _register(Registration calldata registration, address registrant) private returns (uint256 assetId) {
        _checkWork(registration);
        _checkShares(registration.shares);
        address to = registration.to;
        if (to == address(0)) revert ERC721InvalidReceiver(to);
        assetId = ++_state.count;
        _checkParents(registration, registrant, assetId);

        _assetOf[registration.contentHash] = assetId;
        // The common case, one holder and no parents, is left zero.
        if (registration.parents.length != 0 || registration.shares.length != 1 || registration.shares[0].account != to)
        {
            _lineage[assetId] = keccak256(abi.encode(registration.parents, registration.shares));
        }
        if (!registration.open) _closed.set(assetId);
        Asset storage asset = _assets[assetId];
        (asset.owner, asset.royaltyBps, asset.kind) = (to, registration.royaltyBps, registration.kind);
        ++_held[to];

        emit Transfer(address(0), to, assetId);
        emit Registered({
            seq: ++_state.seq,
            assetId: assetId,
            registrant: registrant,
            to: to,
            kind: registration.kind,
            open: registration.open,
            contentHash: registration.contentHash,
            royaltyBps: registration.royaltyBps,
            cid: registration.cid,
            shares: registration.shares,
            parents: registration.parents
        });
    }

    /// @dev ERC721's own, kept in `_assets` and `_held`; counts transfers and numbers them. Never mints nor burns.
    function _update(address to, uint256 assetId, address auth) internal override returns (address from) {
        Asset storage asset = _assets[assetId];
        from = asset.owner;
        _checkAuthorized(from, auth, assetId);
        if (asset.approved) _approve(address(0), assetId, address(0), false);
        uint32 epoch = asset.epoch + 1;
        (asset.owner, asset.epoch) = (to, epoch);
        --_held[from];
        ++_held[to];
        emit Transfer(from, to, assetId);
        emit Transferred({assetId: assetId, epoch: epoch});
    }

    /// @inheritdoc ERC721
    function _approve(address to, uint256 assetId, address auth, bool emitEvent) internal override {
        super._approve(to, assetId, auth, emitEvent);
        _assets[assetId].approved = to != address(0);
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
            unchecked {
                sum += share.bps;
            }
        }
        if (sum != BPS) revert SharesSumInvalid(sum);
    }

    /// @dev Older ids only, so the graph has no cycles. Those that are closed need the registrant to hold them, a
    /// licence of his, or their holder's consent.
    function _checkParents(Registration calldata registration, address registrant, uint256 assetId) private {
        uint256[] calldata parents = registration.parents;
        bytes[] calldata consents = registration.consents;
        uint256 count = parents.length;
        if (count > MAX_PARENTS) revert ParentsTooMany(count, MAX_PARENTS);
        if (consents.length != 0 && consents.length != count) revert ConsentsCountInvalid(consents.length, count);
        uint256 last;
        for (uint256 i; i < count; ++i) {
            uint256 parentId = parents[i];
            if (parentId <= last) revert ParentsNotAscending(i);
            if (parentId >= assetId) revert AssetUnknown(parentId);
            last = parentId;
            if (!_closed.get(parentId)) continue;
            address owner = _assets[parentId].owner;
            if (owner == registrant) continue;
            if (consents.length == 0) revert ConsentMissing(parentId, owner);
            bytes calldata consent = consents[i];
            if (consent.length < 32) revert ConsentMissing(parentId, owner);
            uint256 word = uint256(bytes32(consent));
            if (consent.length == 32) ILicences(licences).consume(word, parentId, registrant, assetId);
            else _checkConsent(parentId, registration.contentHash, registrant, word, consent[32:]);
        }
    }

    function _checkConsent(
        uint256 parentId,
        bytes32 contentHash,
        address registrant,
        uint256 deadline,
        bytes calldata signature
    ) private view {
        Asset storage parent = _assets[parentId];
        bytes32 structHash =
            keccak256(abi.encode(CONSENT_TYPEHASH, parentId, uint64(parent.epoch), contentHash, registrant, deadline));
        _checkSignature(parent.owner, structHash, deadline, signature);
    }

    function _checkSignature(address signer, bytes32 structHash, uint256 deadline, bytes calldata signature)
        private
        view
    {
        if (block.timestamp > deadline) revert SignatureExpired(signer, deadline);
        if (!Signatures.isValid(signer, _hashTypedDataV4(structHash), signature)) revert SignatureInvalid(signer);
    }

    /// @dev EIP-712: consents are not part of what a registrant signs, they come from others.
    function _structHash(Registration calldata registration, address registrant, uint256 deadline)
        private
        pure
        returns (bytes32)
    {
        Share[] calldata shares = registration.shares;
        bytes32[] memory hashes = new bytes32[](shares.length);
        for (uint256 i; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(SHARE_TYPEHASH, shares[i]));
        }
        return keccak256(
            abi.encode(
                REGISTRATION_TYPEHASH,
                registrant,
                registration.to,
                registration.kind,
                registration.open,
                registration.contentHash,
                keccak256(bytes(registration.cid)),
                registration.royaltyBps,
                keccak256(abi.encodePacked(hashes)),
                keccak256(abi.encodePacked(registration.parents)),
                deadline
            )
        );
    }
}
