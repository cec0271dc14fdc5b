// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Licences to works
/// @notice The owner of an asset offers terms; whoever pays their price holds a licence, an ERC-721 token. What is paid
/// is income of the asset. The registry counts a use of a licence when it covers a derived work.
interface ILicences {
    /// @notice What a licence allows, and what it costs. Addressed by `keccak256(abi.encode(terms))`.
    /// @param textHash The hash of the licence's text.
    /// @param cid The content identifier of the text, 1 to 128 bytes.
    /// @param currency The token of the price; zero: native coin.
    /// @param price What a licence costs; may be zero.
    /// @param duration How long a licence runs, in seconds, at most MAX_DURATION; zero: for ever.
    /// @param revenueShareBps The part of a derived work's income that goes to the licensed work, in basis points.
    /// @param maxUses How many derived works a licence covers; zero: any number.
    /// @param flags The sum of COMMERCIAL 1, DERIVATIVES 2, EXCLUSIVE 4, TRANSFERABLE 8, AI_TRAINING 16.
    struct Terms {
        bytes32 textHash;
        string cid;
        address currency;
        uint128 price;
        uint64 duration;
        uint16 revenueShareBps;
        uint32 maxUses;
        uint8 flags;
    }

    /// @notice What is stored of terms. Their text's hash and content identifier are in `TermsOffered`.
    struct Conditions {
        address currency;
        uint32 maxUses;
        uint16 revenueShareBps;
        uint8 flags;
        bool known;
        uint128 price;
        uint64 duration;
    }

    /// @notice What is stored of a licence besides its holder.
    /// @param expiresAt The first second in which it no longer runs, FOREVER when it always does.
    /// @param uses How many derived works it covers so far.
    struct Licence {
        bytes32 termsId;
        uint64 assetId;
        uint64 expiresAt;
        uint32 uses;
        uint32 maxUses;
        uint16 revenueShareBps;
        uint8 flags;
    }

    /// @notice When an asset's licences end.
    /// @param exclusiveUntil The end of its last exclusive licence.
    /// @param runningUntil The end of the last of all its licences.
    struct Times {
        uint64 exclusiveUntil;
        uint64 runningUntil;
    }

    /// @notice Terms are for sale, for as long as the asset stays in this epoch.
    /// @param seq This contract's event number: from 1, without gaps, over all events of this interface.
    event TermsOffered(
        uint64 seq, uint256 indexed assetId, bytes32 indexed termsId, address indexed owner, uint64 epoch, Terms terms
    );

    /// @notice Terms are no longer for sale.
    event OfferWithdrawn(uint64 seq, uint256 indexed assetId, bytes32 indexed termsId);

    /// @notice A licence was sold and its token minted to `to`. ERC-721's Transfer of the mint precedes it.
    event LicenceBought(
        uint64 seq,
        uint256 indexed licenceId,
        uint256 indexed assetId,
        bytes32 indexed termsId,
        address buyer,
        address to,
        address currency,
        uint256 price,
        uint64 expiresAt
    );

    /// @notice A licence covers a derived work, its `uses`-th.
    event LicenceUsed(
        uint64 seq, uint256 indexed licenceId, uint256 indexed assetId, uint256 indexed childId, uint32 uses
    );

    /// @notice A licence changed hands. Follows ERC-721's Transfer.
    event LicenceTransferred(uint64 seq, uint256 indexed licenceId, address indexed from, address indexed to);

    error CallerNotOwner(uint256 assetId, address caller);
    error CallerNotRegistry(address caller);
    error TextHashZero();
    error CidLengthInvalid(uint256 length, uint256 max);
    error DurationTooLong(uint64 duration, uint64 max);
    error RevenueShareTooHigh(uint16 revenueShareBps, uint16 max);
    error FlagsUnknown(uint8 flags);
    error TermsUnknown(bytes32 termsId);
    error TermsAlreadyOffered(uint256 assetId, bytes32 termsId);
    error TermsNotOffered(uint256 assetId, bytes32 termsId);
    error AssetFrozen(uint256 assetId, uint64 until);
    error ExclusiveLicenceRunning(uint256 assetId, uint64 until);
    error OtherLicenceRunning(uint256 assetId, uint64 until);
    error PriceAboveMax(uint256 price, uint256 max);
    error ValueMismatch(uint256 value, uint256 expected);
    error PaymentNotWhole(address currency, uint256 received, uint256 price);
    error LicenceUnknown(uint256 licenceId);
    error LicenceNotTransferable(uint256 licenceId);
    error LicenceOfAnotherAsset(uint256 licenceId, uint256 licensedId, uint256 assetId);
    error LicenceNotHeld(uint256 licenceId, address account);
    error LicenceExpired(uint256 licenceId, uint64 expiresAt);
    error DerivativesNotAllowed(uint256 licenceId);
    error UsesExhausted(uint256 licenceId, uint32 maxUses);

    /// @notice Offers terms. Only the asset's owner. The offer ends with a transfer of the asset.
    /// @dev Warning: a licence outlives the offer and the owner. Who buys an asset takes over the licences that run:
    /// see `timesOf`.
    /// @return termsId What the terms are addressed by.
    function offer(uint256 assetId, Terms calldata terms) external returns (bytes32 termsId);

    /// @notice Takes terms off sale. Only the asset's owner. Licences that were sold stay.
    function withdrawOffer(uint256 assetId, bytes32 termsId) external;

    /// @notice Buys a licence; refused while the asset is frozen. The whole price is income of the asset. Native coin:
    /// exactly the price as value. ERC-20: pulled from the caller; tokens that take a fee on transfers are refused.
    /// @dev An exclusive licence is sold only while no other runs, and while it runs no other is sold.
    /// Warning: the currency is the seller's choice, and its code runs during the call.
    /// @param to Who will hold it; called without the receiver's hook.
    /// @param maxPrice The most that the caller will pay.
    /// @return licenceId The new licence's id: one more than the last.
    function buy(bytes32 termsId, uint256 assetId, address to, uint256 maxPrice)
        external
        payable
        returns (uint256 licenceId);

    /// @notice Counts a use of a licence for a derived work. Only the registry, when it registers that work.
    /// @param holder Who registers it, and must hold the licence.
    function consume(uint256 licenceId, uint256 parentId, address holder, uint256 childId) external;

    /// @notice Whether a licence exists and has not expired. Its uses may be exhausted all the same.
    function isValid(uint256 licenceId) external view returns (bool);

    /// @notice Whether terms are for sale by the present owner of an asset. A freeze or another licence may still stop
    /// the sale. Reverts when the asset does not exist.
    function isOffered(uint256 assetId, bytes32 termsId) external view returns (bool);

    /// @notice What is stored of terms. Reverts when they were never offered.
    function conditionsOf(bytes32 termsId) external view returns (Conditions memory);

    /// @notice What is stored of a licence. Reverts when it does not exist.
    function licenceOf(uint256 licenceId) external view returns (Licence memory);

    /// @notice When an asset's licences end; zero when none was ever sold.
    function timesOf(uint256 assetId) external view returns (Times memory);

    /// @notice How many licences were sold; their ids are 1 to this number.
    function licenceCount() external view returns (uint256);

    /// @notice The number of the last event.
    function eventSeq() external view returns (uint64);

    /// @notice ERC-7572: where the collection's metadata is, which is the prefix of `tokenURI` too: the registry's base
    /// followed by `licences/`. Empty until GOVERNOR gives the registry a base.
    function contractURI() external view returns (string memory);
}
