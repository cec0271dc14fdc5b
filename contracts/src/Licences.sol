// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {ILicences} from "./interfaces/ILicences.sol";
import {IPayouts} from "./interfaces/IPayouts.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Licences
/// @notice What owners allow others to do with a work, for what price, and who bought it.
/// @dev Limitations: only derivation is enforced here, by the registry; the other terms bind by law. Exclusive means
/// that no other licence is sold: the owner may still consent to single works, and an open asset needs no licence.
/// A licence whose uses are exhausted runs until it expires. Expired licences can be transferred like others. Nobody can
/// revoke or burn a licence. Nothing is held: money or tokens sent here outside `buy` are lost.
contract Licences is ERC721, ReentrancyGuardTransient, ILicences {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    // ------------------------------------------------------------------------------------------------------ constants

    uint16 public constant BPS = 10_000;
    uint256 public constant MAX_CID_LENGTH = 128;
    uint64 public constant MAX_DURATION = 36_525 days;
    /// @notice The expiry of a licence that never expires: the year 36812, which calendars and signed integers can hold.
    uint64 public constant FOREVER = type(uint40).max;
    bytes32 public constant REASON = "licence";

    uint8 public constant COMMERCIAL = 1;
    uint8 public constant DERIVATIVES = 2;
    uint8 public constant EXCLUSIVE = 4;
    uint8 public constant TRANSFERABLE = 8;
    uint8 public constant AI_TRAINING = 16;
    uint8 private constant ALL_FLAGS = COMMERCIAL | DERIVATIVES | EXCLUSIVE | TRANSFERABLE | AI_TRAINING;

    IAssetRegistry public immutable REGISTRY;
    IPayouts public immutable PAYOUTS;

    // -------------------------------------------------------------------------------------------------------- storage

    /// @dev One slot: a sale writes both.
    struct State {
        uint64 seq;
        uint64 count;
    }

    State private _state;
    mapping(bytes32 termsId => Conditions) private _conditions;
    /// @dev The asset's epoch when the terms were offered, plus one; zero: not offered.
    mapping(uint256 assetId => mapping(bytes32 termsId => uint256)) private _offers;
    mapping(uint256 licenceId => Licence) private _licences;
    mapping(uint256 assetId => Times) private _times;

    // ---------------------------------------------------------------------------------------------------- constructor

    constructor(IAssetRegistry registry, IPayouts payouts) ERC721("Tributary Licences", "LICENCE") {
        REGISTRY = registry;
        PAYOUTS = payouts;
    }

    // ------------------------------------------------------------------------------------------------------- external

    /// @inheritdoc ILicences
    function offer(uint256 assetId, Terms calldata terms) external returns (bytes32 termsId) {
        uint64 epoch = _ownedByCaller(assetId);
        _checkTerms(terms);
        termsId = keccak256(abi.encode(terms));
        if (_isOffered(assetId, termsId, epoch)) revert TermsAlreadyOffered(assetId, termsId);
        if (!_conditions[termsId].known) {
            _conditions[termsId] = Conditions({
                currency: terms.currency,
                maxUses: terms.maxUses,
                revenueShareBps: terms.revenueShareBps,
                flags: terms.flags,
                known: true,
                price: terms.price,
                duration: terms.duration
            });
        }
        _offers[assetId][termsId] = uint256(epoch) + 1;
        emit TermsOffered({
            seq: ++_state.seq, assetId: assetId, termsId: termsId, owner: msg.sender, epoch: epoch, terms: terms
        });
    }

    /// @inheritdoc ILicences
    function withdrawOffer(uint256 assetId, bytes32 termsId) external {
        uint64 epoch = _ownedByCaller(assetId);
        if (!_isOffered(assetId, termsId, epoch)) revert TermsNotOffered(assetId, termsId);
        _offers[assetId][termsId] = 0;
        emit OfferWithdrawn({seq: ++_state.seq, assetId: assetId, termsId: termsId});
    }

    /// @inheritdoc ILicences
    function buy(bytes32 termsId, uint256 assetId, address to, uint256 maxPrice)
        external
        payable
        nonReentrant
        returns (uint256 licenceId)
    {
        IAssetRegistry.Details memory asset = REGISTRY.detailsOf(assetId);
        if (!_isOffered(assetId, termsId, asset.epoch)) revert TermsNotOffered(assetId, termsId);
        if (block.timestamp <= asset.frozenUntil) revert AssetFrozen(assetId, asset.frozenUntil);
        Conditions memory conditions = _conditions[termsId];
        if (conditions.price > maxPrice) revert PriceAboveMax(conditions.price, maxPrice);
        licenceId = _issue(termsId, assetId, to, conditions);
        _pay(assetId, conditions.currency, conditions.price);
    }

    /// @inheritdoc ILicences
    function consume(uint256 licenceId, uint256 parentId, address holder, uint256 childId) external {
        if (msg.sender != address(REGISTRY)) revert CallerNotRegistry(msg.sender);
        Licence storage licence = _licences[licenceId];
        (uint64 assetId, uint64 expiresAt, uint32 maxUses) = (licence.assetId, licence.expiresAt, licence.maxUses);
        if (_ownerOf(licenceId) != holder) revert LicenceNotHeld(licenceId, holder);
        if (assetId != parentId) revert LicenceOfAnotherAsset(licenceId, assetId, parentId);
        if (block.timestamp >= expiresAt) revert LicenceExpired(licenceId, expiresAt);
        if (licence.flags & DERIVATIVES == 0) revert DerivativesNotAllowed(licenceId);
        uint32 uses = licence.uses + 1;
        if (maxUses != 0 && uses > maxUses) revert UsesExhausted(licenceId, maxUses);
        licence.uses = uses;
        emit LicenceUsed({seq: ++_state.seq, licenceId: licenceId, assetId: assetId, childId: childId, uses: uses});
    }

    // ---------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc ILicences
    function isValid(uint256 licenceId) external view returns (bool) {
        return block.timestamp < _licences[licenceId].expiresAt;
    }

    /// @inheritdoc ILicences
    function isOffered(uint256 assetId, bytes32 termsId) external view returns (bool) {
        return _isOffered(assetId, termsId, REGISTRY.epochOf(assetId));
    }

    /// @inheritdoc ILicences
    function conditionsOf(bytes32 termsId) external view returns (Conditions memory conditions) {
        conditions = _conditions[termsId];
        if (!conditions.known) revert TermsUnknown(termsId);
    }

    /// @inheritdoc ILicences
    function licenceOf(uint256 licenceId) external view returns (Licence memory licence) {
        licence = _licences[licenceId];
        if (licence.expiresAt == 0) revert LicenceUnknown(licenceId);
    }

    /// @inheritdoc ILicences
    function timesOf(uint256 assetId) external view returns (Times memory) {
        return _times[assetId];
    }

    /// @inheritdoc ILicences
    function licenceCount() external view returns (uint256) {
        return _state.count;
    }

    /// @inheritdoc ILicences
    function eventSeq() external view returns (uint64) {
        return _state.seq;
    }

    /// @inheritdoc ILicences
    function contractURI() external view returns (string memory) {
        return _baseURI();
    }

    // ------------------------------------------------------------------------------------------------------- internal

    /// @dev The registry's base with a folder for licences, so that one call moves the metadata of both collections.
    function _baseURI() internal view override returns (string memory) {
        string memory base = REGISTRY.contractURI();
        return bytes(base).length == 0 ? "" : string.concat(base, "licences/");
    }

    function _ownedByCaller(uint256 assetId) private view returns (uint64 epoch) {
        IAssetRegistry.Details memory asset = REGISTRY.detailsOf(assetId);
        if (asset.owner != msg.sender) revert CallerNotOwner(assetId, msg.sender);
        return asset.epoch;
    }

    function _isOffered(uint256 assetId, bytes32 termsId, uint64 epoch) private view returns (bool) {
        return _offers[assetId][termsId] == uint256(epoch) + 1;
    }

    function _checkTerms(Terms calldata terms) private pure {
        uint256 length = bytes(terms.cid).length;
        if (terms.textHash == 0) revert TextHashZero();
        if (length == 0 || length > MAX_CID_LENGTH) revert CidLengthInvalid(length, MAX_CID_LENGTH);
        if (terms.duration > MAX_DURATION) revert DurationTooLong(terms.duration, MAX_DURATION);
        if (terms.revenueShareBps > BPS) revert RevenueShareTooHigh(terms.revenueShareBps, BPS);
        if (terms.flags & ~ALL_FLAGS != 0) revert FlagsUnknown(terms.flags);
    }

    function _issue(bytes32 termsId, uint256 assetId, address to, Conditions memory conditions)
        private
        returns (uint256 licenceId)
    {
        uint64 expiresAt = conditions.duration == 0 ? FOREVER : (block.timestamp + conditions.duration).toUint64();
        _occupy(assetId, expiresAt, conditions.flags & EXCLUSIVE != 0);
        licenceId = ++_state.count;
        _licences[licenceId] = Licence({
            termsId: termsId,
            assetId: assetId.toUint64(),
            expiresAt: expiresAt,
            uses: 0,
            maxUses: conditions.maxUses,
            revenueShareBps: conditions.revenueShareBps,
            flags: conditions.flags
        });
        _mint(to, licenceId);
        emit LicenceBought({
            seq: ++_state.seq,
            licenceId: licenceId,
            assetId: assetId,
            termsId: termsId,
            buyer: msg.sender,
            to: to,
            currency: conditions.currency,
            price: conditions.price,
            expiresAt: expiresAt
        });
    }

    /// @dev Exclusive means one: an exclusive licence finds no other running, and no other finds it running.
    function _occupy(uint256 assetId, uint64 expiresAt, bool exclusive) private {
        Times memory times = _times[assetId];
        if (block.timestamp < times.exclusiveUntil) revert ExclusiveLicenceRunning(assetId, times.exclusiveUntil);
        if (exclusive) {
            if (block.timestamp < times.runningUntil) revert OtherLicenceRunning(assetId, times.runningUntil);
            times.exclusiveUntil = expiresAt;
        }
        if (expiresAt > times.runningUntil) times.runningUntil = expiresAt;
        _times[assetId] = times;
    }

    /// @dev The whole price goes to the asset's pot: there is no division, so nothing is rounded.
    function _pay(uint256 assetId, address currency, uint256 price) private {
        uint256 expected = currency == address(0) ? price : 0;
        if (msg.value != expected) revert ValueMismatch(msg.value, expected);
        if (price == 0) return;
        if (currency != address(0)) {
            uint256 before = IERC20(currency).balanceOf(address(this));
            IERC20(currency).safeTransferFrom(msg.sender, address(this), price);
            uint256 arrived = IERC20(currency).balanceOf(address(this)) - before;
            if (arrived != price) revert PaymentNotWhole(currency, arrived, price);
            IERC20(currency).forceApprove(address(PAYOUTS), price);
        }
        uint256 received =
            PAYOUTS.fund{value: expected}({assetId: assetId, token: currency, amount: price, reason: REASON});
        if (received != price) revert PaymentNotWhole(currency, received, price);
    }

    /// @inheritdoc ERC721
    function _update(address to, uint256 licenceId, address auth) internal override returns (address from) {
        from = super._update(to, licenceId, auth);
        if (from == address(0)) return from;
        if (_licences[licenceId].flags & TRANSFERABLE == 0) revert LicenceNotTransferable(licenceId);
        emit LicenceTransferred({seq: ++_state.seq, licenceId: licenceId, from: from, to: to});
    }
}
