// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IMarket} from "./interfaces/IMarket.sol";
import {IPayouts} from "./interfaces/IPayouts.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

/// @title Market
/// @notice Settles signed orders; lists nothing, holds nothing but credits.
/// @dev Users give this contract standing approvals, so its code never changes and no role can touch them: GOVERNOR
/// sets a capped fee only.
/// Limitations: royalties are enforced for sales here, not for transfers elsewhere. Prices are in whatever token the
/// maker names. A payment in native coin gets PUSH_GAS; a receiver that needs more finds a credit. Native coin or
/// tokens sent here outside `fill` are lost.
contract Market is EIP712, AccessManaged, ReentrancyGuardTransient, IMarket {
    using BitMaps for BitMaps.BitMap;
    using SafeERC20 for IERC20;

    // ------------------------------------------------------------------------------------------------------ constants

    uint16 public constant BPS = 10_000;
    uint16 public constant MAX_FEE_BPS = 500;
    uint256 public constant PUSH_GAS = 50_000;
    bytes32 public constant REASON = "sale";
    bytes32 public constant ORDER_TYPEHASH = keccak256(
        "Order(address maker,uint8 side,uint256 assetId,uint64 assetEpoch,address currency,uint256 startPrice,"
        "uint256 endPrice,uint64 startTime,uint64 endTime,address taker,uint256 nonce,uint64 makerEpoch,"
        "uint16 maxFeeBps,uint256 minNet)"
    );

    IAssetRegistry public immutable REGISTRY;
    IPayouts public immutable PAYOUTS;

    // -------------------------------------------------------------------------------------------------------- storage

    /// @dev One slot: every fill reads the fee and writes the event number.
    struct State {
        uint64 seq;
        uint16 feeBps;
        address feeRecipient;
    }

    State private _state;
    mapping(address maker => BitMaps.BitMap) private _nonces;
    /// @inheritdoc IMarket
    mapping(address maker => uint64) public makerEpochOf;
    /// @inheritdoc IMarket
    mapping(address account => mapping(address currency => uint256)) public creditOf;

    // ---------------------------------------------------------------------------------------------------- constructor

    constructor(
        address manager,
        IAssetRegistry registry,
        IPayouts payouts,
        uint16 initialFeeBps,
        address initialFeeRecipient
    ) EIP712("Tributary Market", "1") AccessManaged(manager) {
        REGISTRY = registry;
        PAYOUTS = payouts;
        _setFee(initialFeeBps, initialFeeRecipient);
    }

    // ------------------------------------------------------------------------------------------------------- external

    /// @inheritdoc IMarket
    function fill(Order calldata order, bytes calldata signature, uint256 limit)
        external
        payable
        nonReentrant
        returns (uint256 price)
    {
        bytes32 orderHash = hashOf(order);
        if (!Signatures.isValid(order.maker, orderHash, signature)) revert SignatureInvalid(order.maker);
        _useOrder(order);

        bool selling = order.side == Side.SELL;
        (address seller, address buyer) = selling ? (order.maker, msg.sender) : (msg.sender, order.maker);
        Quote memory terms = _quote(order, _royaltyBps(order, seller));
        _checkBounds(order, terms, limit);
        price = terms.price;

        IERC721(address(REGISTRY)).transferFrom(seller, buyer, order.assetId);
        if (order.currency == address(0)) _settleNative(order.assetId, seller, terms);
        else _settleToken(order.assetId, IERC20(order.currency), buyer, seller, terms);

        _emitFilled(orderHash, order, terms);
    }

    /// @inheritdoc IMarket
    function cancel(uint256[] calldata nonces) external {
        for (uint256 i; i < nonces.length; ++i) {
            _nonces[msg.sender].set(nonces[i]);
        }
        emit NoncesCancelled({seq: ++_state.seq, maker: msg.sender, nonces: nonces});
    }

    /// @inheritdoc IMarket
    function cancelAll() external {
        uint64 makerEpoch = ++makerEpochOf[msg.sender];
        emit MakerEpochAdvanced({seq: ++_state.seq, maker: msg.sender, makerEpoch: makerEpoch});
    }

    /// @inheritdoc IMarket
    function withdrawCredit(address currency, address to) external nonReentrant returns (uint256 amount) {
        if (to == address(0)) revert RecipientZero();
        amount = creditOf[msg.sender][currency];
        if (amount == 0) revert CreditEmpty(msg.sender, currency);
        creditOf[msg.sender][currency] = 0;
        emit CreditWithdrawn({seq: ++_state.seq, account: msg.sender, currency: currency, to: to, amount: amount});
        if (currency == address(0)) Address.sendValue(payable(to), amount);
        else IERC20(currency).safeTransfer(to, amount);
    }

    /// @inheritdoc IMarket
    function setFee(uint16 newFeeBps, address newFeeRecipient) external restricted {
        _setFee(newFeeBps, newFeeRecipient);
    }

    // ---------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IMarket
    function quote(Order calldata order) external view returns (Quote memory) {
        return _quote(order, REGISTRY.royaltyBpsOf(order.assetId));
    }

    /// @inheritdoc IMarket
    function hashOf(Order calldata order) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ORDER_TYPEHASH, order)));
    }

    /// @inheritdoc IMarket
    function feeBps() external view returns (uint16) {
        return _state.feeBps;
    }

    /// @inheritdoc IMarket
    function feeRecipient() external view returns (address) {
        return _state.feeRecipient;
    }

    /// @inheritdoc IMarket
    function isNonceUsed(address maker, uint256 nonce) external view returns (bool) {
        return _nonces[maker].get(nonce);
    }

    /// @inheritdoc IMarket
    function eventSeq() external view returns (uint64) {
        return _state.seq;
    }

    // ------------------------------------------------------------------------------------------------------- internal

    function _setFee(uint16 newFeeBps, address newFeeRecipient) private {
        if (newFeeBps > MAX_FEE_BPS) revert FeeAboveMax(newFeeBps, MAX_FEE_BPS);
        if (newFeeRecipient == address(0)) revert FeeRecipientZero();
        _state.feeBps = newFeeBps;
        _state.feeRecipient = newFeeRecipient;
        emit FeeSet({seq: ++_state.seq, feeBps: newFeeBps, feeRecipient: newFeeRecipient});
    }

    /// @dev Checks what needs no other contract, and uses the nonce up.
    function _useOrder(Order calldata order) private {
        if (order.taker != address(0) && order.taker != msg.sender) revert TakerNotAllowed(order.taker, msg.sender);
        if (order.side == Side.BID && order.currency == address(0)) revert BidNeedsToken();
        uint64 makerEpoch = makerEpochOf[order.maker];
        if (order.makerEpoch != makerEpoch) revert MakerEpochPassed(order.maker, order.makerEpoch, makerEpoch);
        BitMaps.BitMap storage used = _nonces[order.maker];
        if (used.get(order.nonce)) revert NonceUsed(order.maker, order.nonce);
        used.set(order.nonce);
    }

    function _royaltyBps(Order calldata order, address seller) private view returns (uint16) {
        IAssetRegistry.Details memory asset = REGISTRY.detailsOf(order.assetId);
        if (asset.epoch != order.assetEpoch) revert AssetEpochPassed(order.assetId, order.assetEpoch, asset.epoch);
        if (asset.owner != seller) revert SellerNotOwner(order.assetId, seller, asset.owner);
        return asset.royaltyBps;
    }

    function _quote(Order calldata order, uint16 royaltyBps) private view returns (Quote memory terms) {
        uint256 price = _priceOf(order);
        terms.price = price;
        terms.fee = Math.mulDiv(price, _state.feeBps, BPS);
        terms.royalty = Math.mulDiv(price, royaltyBps, BPS);
        terms.net = price - terms.fee - terms.royalty;
    }

    /// @dev A straight line from startPrice to endPrice, rounded for the maker: a sale never goes below the line, a bid
    /// never above it.
    function _priceOf(Order calldata order) private view returns (uint256) {
        if (block.timestamp < order.startTime) revert OrderNotStarted(order.startTime);
        if (block.timestamp > order.endTime) revert OrderEnded(order.endTime);
        (uint256 start, uint256 end) = (order.startPrice, order.endPrice);
        uint256 elapsed = block.timestamp - order.startTime;
        if (start == end || elapsed == 0) return start;
        bool rising = end > start;
        Math.Rounding rounding = rising == (order.side == Side.SELL) ? Math.Rounding.Ceil : Math.Rounding.Floor;
        uint256 moved =
            Math.mulDiv(rising ? end - start : start - end, elapsed, order.endTime - order.startTime, rounding);
        return rising ? start + moved : start - moved;
    }

    function _checkBounds(Order calldata order, Quote memory terms, uint256 limit) private view {
        if (_state.feeBps > order.maxFeeBps) revert FeeAboveMax(_state.feeBps, order.maxFeeBps);
        if (terms.net < order.minNet) revert NetBelowMin(terms.net, order.minNet);
        if (order.side == Side.SELL) {
            if (terms.price > limit) revert PriceAboveLimit(terms.price, limit);
        } else if (terms.net < limit) {
            revert NetBelowLimit(terms.net, limit);
        }
        if (order.currency != address(0)) {
            if (msg.value != 0) revert ValueUnexpected(msg.value);
        } else if (msg.value < terms.price) {
            revert ValueTooLow(msg.value, terms.price);
        }
    }

    function _settleNative(uint256 assetId, address seller, Quote memory terms) private {
        if (terms.royalty != 0) {
            PAYOUTS.fund{value: terms.royalty}({
                assetId: assetId, token: address(0), amount: terms.royalty, reason: REASON
            });
        }
        _push(_state.feeRecipient, terms.fee);
        _push(seller, terms.net);
        if (msg.value > terms.price) Address.sendValue(payable(msg.sender), msg.value - terms.price);
    }

    function _settleToken(uint256 assetId, IERC20 token, address buyer, address seller, Quote memory terms) private {
        if (terms.royalty != 0) {
            token.safeTransferFrom(buyer, address(PAYOUTS), terms.royalty);
            PAYOUTS.fundReceived({assetId: assetId, token: address(token), amount: terms.royalty, reason: REASON});
        }
        _pull(token, buyer, _state.feeRecipient, terms.fee);
        _pull(token, buyer, seller, terms.net);
    }

    function _emitFilled(bytes32 orderHash, Order calldata order, Quote memory terms) private {
        emit Filled({
            seq: ++_state.seq,
            orderHash: orderHash,
            assetId: order.assetId,
            maker: order.maker,
            taker: msg.sender,
            side: order.side,
            currency: order.currency,
            price: terms.price,
            fee: terms.fee,
            royalty: terms.royalty,
            net: terms.net,
            nonce: order.nonce
        });
    }

    /// @dev Sends native coin with bounded gas; what is refused becomes a credit.
    function _push(address to, uint256 amount) private {
        if (amount == 0) return;
        (bool sent,) = to.call{value: amount, gas: PUSH_GAS}("");
        if (!sent) _credit(to, address(0), amount);
    }

    /// @dev Moves tokens from the buyer; when the receiver cannot take them they come here, and what arrives becomes
    /// its credit.
    function _pull(IERC20 token, address from, address to, uint256 amount) private {
        if (amount == 0 || token.trySafeTransferFrom(from, to, amount)) return;
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), amount);
        _credit(to, address(token), token.balanceOf(address(this)) - before);
    }

    function _credit(address account, address currency, uint256 amount) private {
        creditOf[account][currency] += amount;
        emit CreditAdded({seq: ++_state.seq, account: account, currency: currency, amount: amount});
    }
}
