// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Settlement of signed orders
/// @notice Lists nothing and escrows nothing: an order is signed off chain and filled by whoever takes the other side.
/// Fee and royalty are computed here, so they cannot be left out. Every fill pays out exactly its price: price == fee +
/// royalty + net.
interface IMarket {
    enum Side {
        SELL,
        BID,
        CRITERIA_BID
    }

    /// @notice A signed offer to sell or to buy one asset.
    /// @param maker Who signed it, an account or an ERC-1271 contract.
    /// @param side SELL: the maker holds the asset. BID: the maker pays for it. CRITERIA_BID: the maker pays for any one
    /// of several.
    /// @param assetId The asset. For a CRITERIA_BID the root of a Merkle tree of the assets that will do, with leaves
    /// `keccak256(bytes.concat(keccak256(abi.encode(assetId))))` and pairs sorted; zero: any asset.
    /// @param assetEpoch The asset's transfer count for which the order was made; any transfer voids the order. Zero
    /// for a CRITERIA_BID, which takes an asset in whatever epoch.
    /// @param currency An ERC-20, or zero for the native coin. Bids need an ERC-20.
    /// @param startPrice The price at startTime, in base units, below 2^128.
    /// @param endPrice The price at endTime; between them it moves in a straight line.
    /// @param startTime The first second in which the order may be filled.
    /// @param endTime The last second in which the order may be filled.
    /// @param taker Who alone may fill it; zero for anyone.
    /// @param nonce The order's number; of all orders of one maker with one nonce at most one is filled. Numbers may be
    /// used in any order; those below 192 share a storage slot with the maker's epoch and are the cheapest.
    /// @param makerEpoch The maker's epoch; cancelAll advances it.
    /// @param maxFeeBps The highest market fee that the maker accepts.
    /// @param minNet The least that must be left for the seller.
    struct Order {
        address maker;
        Side side;
        uint256 assetId;
        uint64 assetEpoch;
        address currency;
        uint256 startPrice;
        uint256 endPrice;
        uint64 startTime;
        uint64 endTime;
        address taker;
        uint256 nonce;
        uint64 makerEpoch;
        uint16 maxFeeBps;
        uint256 minNet;
    }

    /// @notice How a price is divided. price == fee + royalty + net.
    struct Quote {
        uint256 price;
        uint256 fee;
        uint256 royalty;
        uint256 net;
    }

    /// @notice A fill with everything that an order can need.
    /// @param order The order.
    /// @param signature The maker's, of the order or of the tree that it is in.
    /// @param limit As in `fill`.
    /// @param assetId Which asset a CRITERIA_BID gets; else ignored.
    /// @param assetProof That the asset is among the criteria; empty when any will do.
    /// @param bulkIndex The order's place among the leaves of the maker's tree.
    /// @param bulkProof The siblings from the leaf up, at most 16; empty when the order was signed by itself. A maker
    /// of many orders signs the EIP-712 struct `BulkOrder(Order[2]...[2] tree)`, one `[2]` for each level, so that a
    /// wallet can show each of them.
    /// @param permit Empty, or an ERC-2612 permit of the currency for the Market by whoever pays, the caller of a SELL
    /// or the maker of a bid: `abi.encode(uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)`. One that
    /// fails is passed over: somebody may have sent it already.
    struct Fill {
        Order order;
        bytes signature;
        uint256 limit;
        uint256 assetId;
        bytes32[] assetProof;
        uint256 bulkIndex;
        bytes32[] bulkProof;
        bytes permit;
    }

    /// @notice An order was filled, and the royalty is in the pot of the asset, or is the pot's credit here.
    /// @param makerSeq The maker's event number: from 1, without gaps, over a maker's fills and cancellations.
    event Filled(
        uint64 makerSeq,
        bytes32 indexed orderHash,
        uint256 indexed assetId,
        address indexed maker,
        address taker,
        Side side,
        address currency,
        uint256 price,
        uint256 fee,
        uint256 royalty,
        uint256 net,
        uint256 nonce
    );

    /// @notice A maker voided these nonces; those that were already used are listed too.
    event NoncesCancelled(uint64 makerSeq, address indexed maker, uint256[] nonces);

    /// @notice A maker voided all orders of earlier epochs.
    event MakerEpochAdvanced(uint64 makerSeq, address indexed maker, uint64 makerEpoch);

    /// @notice A payment could not be delivered and waits for its account.
    /// @param credit The account's credit after it: shows a missing event.
    event CreditAdded(address indexed account, address indexed currency, uint256 amount, uint256 credit);

    /// @notice The whole credit of an account was paid.
    event CreditWithdrawn(address indexed account, address indexed currency, address to, uint256 amount);

    /// @notice The market fee, or who receives it, changed.
    /// @param seq The number of this change, from 1.
    event FeeSet(uint64 seq, uint16 feeBps, address feeRecipient);

    error SignatureInvalid(address maker);
    error NonceUsed(address maker, uint256 nonce);
    error MakerEpochPassed(address maker, uint64 orderEpoch, uint64 makerEpoch);
    error CriteriaMissed(uint256 assetId);
    error BulkProofTooLong(uint256 length, uint256 max);
    error BatchTooLong(uint256 count, uint256 max);
    error PriceTooHigh(uint256 startPrice, uint256 endPrice);
    error PaymentFailed(address currency, address from, address to, uint256 amount);
    error RoyaltyNotReceived(address currency, uint256 received, uint256 royalty);
    error TakerNotAllowed(address taker, address caller);
    error OrderNotStarted(uint64 startTime);
    error OrderEnded(uint64 endTime);
    error BidNeedsToken();
    error FeeAboveMax(uint16 feeBps, uint16 max);
    error NetBelowMin(uint256 net, uint256 min);
    error PriceAboveLimit(uint256 price, uint256 limit);
    error NetBelowLimit(uint256 net, uint256 limit);
    error ValueTooLow(uint256 value, uint256 price);
    error FeeRecipientZero();
    error RecipientZero();
    error CreditEmpty(address account, address currency);

    /// @notice Fills an order: the asset and the whole price change hands in one transaction, or nothing does.
    /// @param order The order.
    /// @param signature The maker's: 65 bytes, 64 bytes (ERC-2098), or whatever an ERC-1271 maker accepts.
    /// @param limit The taker's bound. Filling a SELL: the most that the taker pays. Filling a BID: the least that the
    /// taker, who sells, receives.
    /// @dev Native coin that is not needed is returned to the taker. An ERC-20 that takes a fee on transfers is refused
    /// where there is a royalty.
    /// Warning: the currency of an order is its maker's choice; a taker must know the token that it is to be paid in.
    /// @return price The price that was paid.
    function fill(Order calldata order, bytes calldata signature, uint256 limit)
        external
        payable
        returns (uint256 price);

    /// @notice Fills at most 64 orders of any kind in turn, all or none. Native coin is spent as needed, and what is left is
    /// returned.
    function fillMany(Fill[] calldata fills) external payable returns (uint256[] memory prices);

    /// @notice Voids the caller's orders with these nonces, at most 256 at once.
    function cancel(uint256[] calldata nonces) external;

    /// @notice Voids all orders that the caller signed so far.
    function cancelAll() external;

    /// @notice Sends the caller's whole credit in a currency to `to`.
    function withdrawCredit(address currency, address to) external returns (uint256 amount);

    /// @notice Sends an account its whole credit in a currency. Anyone may ask; the money goes to the account itself. This is
    /// how the pot gets the royalties of a token that refused to pay it.
    function deliverCredit(address account, address currency) external returns (uint256 amount);

    /// @notice Sets the market fee, at most MAX_FEE_BPS, and who receives it. Only GOVERNOR.
    function setFee(uint16 feeBps, address feeRecipient) external;

    /// @notice How an order would be settled now for an asset. Checks only its times.
    /// @param assetId The order's own, or for a CRITERIA_BID any.
    function quote(Order calldata order, uint256 assetId) external view returns (Quote memory);

    /// @notice The EIP-712 digest that the maker signs; an order's identity in events.
    function hashOf(Order calldata order) external view returns (bytes32);

    /// @notice The market fee in basis points.
    function feeBps() external view returns (uint16);

    /// @notice Who receives the market fee.
    function feeRecipient() external view returns (address);

    /// @notice The epoch that a maker's orders must carry.
    function makerEpochOf(address maker) external view returns (uint64);

    /// @notice Whether a maker's nonce was filled or cancelled.
    function isNonceUsed(address maker, uint256 nonce) external view returns (bool);

    /// @notice What an account may withdraw in a currency.
    function creditOf(address account, address currency) external view returns (uint256);

    /// @notice The number of a maker's last event.
    function makerSeqOf(address maker) external view returns (uint64);

    /// @notice The number of the last change of the fee.
    function eventSeq() external view returns (uint64);
}
