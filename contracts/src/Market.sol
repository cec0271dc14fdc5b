// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IMarket} from "./interfaces/IMarket.sol";
import {IPayouts} from "./interfaces/IPayouts.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

/// @title Market
/// @notice Settles signed orders; lists nothing, holds nothing but credits.
/// @dev Users give this contract standing approvals, so its code never changes and no role can touch them: GOVERNOR
/// sets a capped fee only.
/// Limitations: royalties are enforced for sales here, not for transfers elsewhere. Prices are in whatever token the
/// maker names. A payment in native coin gets PUSH_GAS; a receiver that needs more finds a credit. Tokens sent here
/// outside of a fill are lost.
contract Market is EIP712, AccessManaged, ReentrancyGuardTransient, IMarket {
    using BitMaps for BitMaps.BitMap;
    using SafeERC20 for IERC20;

    // ------------------------------------------------------------------------------------------------------ constants

    uint16 public constant BPS = 10_000;
    uint16 public constant MAX_FEE_BPS = 500;
    uint256 public constant MAX_BATCH = 64;
    uint256 public constant MAX_NONCES = 256;
    uint256 public constant MAX_BULK_HEIGHT = 16;
    uint256 public constant PUSH_GAS = 50_000;
    string private constant ORDER_TYPE = "Order(address maker,uint8 side,uint256 assetId,uint64 assetEpoch,address currency,uint256 startPrice,"
        "uint256 endPrice,uint64 startTime,uint64 endTime,address taker,uint256 nonce,uint64 makerEpoch,"
        "uint16 maxFeeBps,uint256 minNet)";
    bytes32 public constant ORDER_TYPEHASH = keccak256(bytes(ORDER_TYPE));
    /// @dev Nonces below this lie in the maker's own slot.
    uint256 private constant SLOT_NONCES = 192;

    IAssetRegistry public immutable REGISTRY;
    /// @notice Where royalties go.
    address public immutable POT;

    // -------------------------------------------------------------------------------------------------------- storage

    /// @dev One slot: every fill reads the fee.
    struct State {
        uint64 seq;
        uint16 feeBps;
        address feeRecipient;
    }

    /// @dev One slot: all that a fill or a cancellation changes of most makers.
    struct Maker {
        uint32 epoch;
        uint32 seq;
        uint192 used;
    }

    State private _state;
    mapping(address maker => Maker) private _makers;
    mapping(address maker => BitMaps.BitMap) private _highNonces;
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
        POT = payouts.pot();
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
        Order memory copy = order;
        bytes32 orderHash = _digest(copy);
        _checkSignature(copy.maker, orderHash, signature);
        price = _fill(copy, orderHash, copy.assetId, limit, msg.value);
        _refund(copy.currency == address(0) ? price : 0);
    }

    /// @inheritdoc IMarket
    function fillMany(Fill[] calldata fills) external payable nonReentrant returns (uint256[] memory prices) {
        if (fills.length > MAX_BATCH) revert BatchTooLong(fills.length, MAX_BATCH);
        prices = new uint256[](fills.length);
        uint256 spent;
        for (uint256 i; i < fills.length; ++i) {
            prices[i] = _fillOne(fills[i], msg.value - spent);
            if (fills[i].order.currency == address(0)) spent += prices[i];
        }
        _refund(spent);
    }

    /// @inheritdoc IMarket
    function cancel(uint256[] calldata nonces) external {
        if (nonces.length > MAX_NONCES) revert BatchTooLong(nonces.length, MAX_NONCES);
        Maker memory maker = _makers[msg.sender];
        for (uint256 i; i < nonces.length; ++i) {
            uint256 nonce = nonces[i];
            if (nonce < SLOT_NONCES) maker.used |= uint192(1 << nonce);
            else _highNonces[msg.sender].set(nonce);
        }
        ++maker.seq;
        _makers[msg.sender] = maker;
        emit NoncesCancelled({makerSeq: maker.seq, maker: msg.sender, nonces: nonces});
    }

    /// @inheritdoc IMarket
    function cancelAll() external {
        Maker memory maker = _makers[msg.sender];
        ++maker.epoch;
        ++maker.seq;
        _makers[msg.sender] = maker;
        emit MakerEpochAdvanced({makerSeq: maker.seq, maker: msg.sender, makerEpoch: maker.epoch});
    }

    /// @inheritdoc IMarket
    function withdrawCredit(address currency, address to) external nonReentrant returns (uint256) {
        if (to == address(0)) revert RecipientZero();
        return _payCredit(msg.sender, currency, to);
    }

    /// @inheritdoc IMarket
    function deliverCredit(address account, address currency) external nonReentrant returns (uint256) {
        return _payCredit(account, currency, account);
    }

    /// @inheritdoc IMarket
    function setFee(uint16 newFeeBps, address newFeeRecipient) external restricted {
        _setFee(newFeeBps, newFeeRecipient);
    }

    // ---------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IMarket
    function quote(Order calldata order, uint256 assetId) external view returns (Quote memory) {
        return _quote(order, REGISTRY.detailsOf(assetId).royaltyBps, _state.feeBps);
    }

    /// @inheritdoc IMarket
    function hashOf(Order calldata order) public view returns (bytes32) {
        return _digest(order);
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
    function makerEpochOf(address maker) external view returns (uint64) {
        return _makers[maker].epoch;
    }

    /// @inheritdoc IMarket
    function makerSeqOf(address maker) external view returns (uint64) {
        return _makers[maker].seq;
    }

    /// @inheritdoc IMarket
    function isNonceUsed(address maker, uint256 nonce) external view returns (bool) {
        return nonce < SLOT_NONCES ? _makers[maker].used >> nonce & 1 != 0 : _highNonces[maker].get(nonce);
    }

    /// @inheritdoc IMarket
    function eventSeq() external view returns (uint64) {
        return _state.seq;
    }

    // -------------------------------------------------------------------------------------------------------- signing

    function _digest(Order memory order) private view returns (bytes32) {
        return _hashTypedDataV4(_structHash(order));
    }

    function _structHash(Order memory order) private pure returns (bytes32) {
        return keccak256(abi.encode(ORDER_TYPEHASH, order));
    }

    /// @dev The digest of a maker's tree: EIP-712 hashes nested arrays as a Merkle tree hashes its pairs.
    function _bulkHash(Order memory order, uint256 index, bytes32[] calldata proof) private view returns (bytes32) {
        if (proof.length > MAX_BULK_HEIGHT) revert BulkProofTooLong(proof.length, MAX_BULK_HEIGHT);
        bytes32 node = _structHash(order);
        string memory levels;
        for (uint256 i; i < proof.length; ++i) {
            node = index >> i & 1 == 0
                ? Hashes.efficientKeccak256(node, proof[i])
                : Hashes.efficientKeccak256(proof[i], node);
            levels = string.concat(levels, "[2]");
        }
        bytes32 typeHash = keccak256(abi.encodePacked("BulkOrder(Order", levels, " tree)", ORDER_TYPE));
        return _hashTypedDataV4(keccak256(abi.encode(typeHash, node)));
    }

    function _checkSignature(address maker, bytes32 digest, bytes calldata signature) private view {
        if (!Signatures.isValid(maker, digest, signature)) revert SignatureInvalid(maker);
    }

    function _checkCriteria(Order memory order, uint256 assetId, bytes32[] calldata proof) private pure {
        if (order.side != Side.CRITERIA_BID || order.assetEpoch != 0) revert CriteriaMissed(assetId);
        if (order.assetId == 0) return;
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(assetId))));
        if (!MerkleProof.verifyCalldata(proof, bytes32(order.assetId), leaf)) revert CriteriaMissed(assetId);
    }

    // -------------------------------------------------------------------------------------------------------- filling

    function _fillOne(Fill calldata one, uint256 value) private returns (uint256 price) {
        Order memory order = one.order;
        bytes32 orderHash = _digest(order);
        bytes32 digest = one.bulkProof.length == 0 ? orderHash : _bulkHash(order, one.bulkIndex, one.bulkProof);
        _checkSignature(order.maker, digest, one.signature);
        uint256 assetId = order.assetId;
        if (order.side == Side.CRITERIA_BID) {
            assetId = one.assetId;
            _checkCriteria(order, assetId, one.assetProof);
        }
        if (one.permit.length != 0) _permit(order, one.permit);
        return _fill(order, orderHash, assetId, one.limit, value);
    }

    /// @dev A permit that fails is passed over: somebody may have sent it already.
    function _permit(Order memory order, bytes calldata permit) private {
        (uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) =
            abi.decode(permit, (uint256, uint256, uint8, bytes32, bytes32));
        address payer = order.side == Side.SELL ? msg.sender : order.maker;
        try IERC20Permit(order.currency).permit(payer, address(this), value, deadline, v, r, s) {} catch {}
    }

    /// @dev Everything but the signature and the criteria. `value` is what native coin there is to pay with.
    function _fill(Order memory order, bytes32 orderHash, uint256 assetId, uint256 limit, uint256 value)
        private
        returns (uint256 price)
    {
        uint64 makerSeq = _useOrder(order);
        bool selling = order.side == Side.SELL;
        (address seller, address buyer) = selling ? (order.maker, msg.sender) : (msg.sender, order.maker);
        uint64 epoch = order.side == Side.CRITERIA_BID ? REGISTRY.epochOf(assetId) : order.assetEpoch;
        uint16 royaltyBps = REGISTRY.transferForSale(seller, buyer, assetId, epoch);

        State memory state = _state;
        Quote memory terms = _quote(order, royaltyBps, state.feeBps);
        if (state.feeBps > order.maxFeeBps) revert FeeAboveMax(state.feeBps, order.maxFeeBps);
        if (terms.net < order.minNet) revert NetBelowMin(terms.net, order.minNet);
        if (selling && terms.price > limit) revert PriceAboveLimit(terms.price, limit);
        if (!selling && terms.net < limit) revert NetBelowLimit(terms.net, limit);

        if (order.currency == address(0)) _settleNative(seller, state.feeRecipient, terms, value);
        else _settleToken(IERC20(order.currency), buyer, seller, state.feeRecipient, terms);
        _emitFilled(makerSeq, orderHash, assetId, order, terms);
        return terms.price;
    }

    /// @dev Checks what needs no other contract, and uses the nonce up.
    function _useOrder(Order memory order) private returns (uint64 makerSeq) {
        if (order.taker != address(0) && order.taker != msg.sender) revert TakerNotAllowed(order.taker, msg.sender);
        if (order.side != Side.SELL && order.currency == address(0)) revert BidNeedsToken();
        address account = order.maker;
        Maker memory maker = _makers[account];
        if (order.makerEpoch != maker.epoch) revert MakerEpochPassed(account, order.makerEpoch, maker.epoch);
        uint256 nonce = order.nonce;
        if (nonce < SLOT_NONCES) {
            if (maker.used >> nonce & 1 != 0) revert NonceUsed(account, nonce);
            maker.used |= uint192(1 << nonce);
        } else {
            BitMaps.BitMap storage used = _highNonces[account];
            if (used.get(nonce)) revert NonceUsed(account, nonce);
            used.set(nonce);
        }
        makerSeq = ++maker.seq;
        _makers[account] = maker;
    }

    function _quote(Order memory order, uint16 royaltyBps, uint16 currentFeeBps)
        private
        view
        returns (Quote memory terms)
    {
        uint256 price = _priceOf(order);
        terms.price = price;
        terms.fee = price * currentFeeBps / BPS;
        terms.royalty = price * royaltyBps / BPS;
        terms.net = price - terms.fee - terms.royalty;
    }

    /// @dev A straight line from startPrice to endPrice, rounded for the maker: a sale never goes below the line, a bid
    /// never above it.
    function _priceOf(Order memory order) private view returns (uint256) {
        if (block.timestamp < order.startTime) revert OrderNotStarted(order.startTime);
        if (block.timestamp > order.endTime) revert OrderEnded(order.endTime);
        (uint256 start, uint256 end) = (order.startPrice, order.endPrice);
        if ((start | end) > type(uint128).max) revert PriceTooHigh(start, end);
        uint256 elapsed = block.timestamp - order.startTime;
        if (start == end || elapsed == 0) return start;
        uint256 duration = order.endTime - order.startTime;
        bool rising = end > start;
        uint256 moved = (rising ? end - start : start - end) * elapsed;
        if (rising == (order.side == Side.SELL)) moved += duration - 1;
        moved /= duration;
        return rising ? start + moved : start - moved;
    }

    // ------------------------------------------------------------------------------------------------------- settling

    function _settleNative(address seller, address recipient, Quote memory terms, uint256 value) private {
        if (value < terms.price) revert ValueTooLow(value, terms.price);
        if (terms.royalty != 0) Address.sendValue(payable(POT), terms.royalty);
        _push(recipient, terms.fee);
        _push(seller, terms.net);
    }

    function _settleToken(IERC20 token, address buyer, address seller, address recipient, Quote memory terms) private {
        if (terms.royalty != 0) _payPot(token, buyer, terms.royalty);
        _pull(token, buyer, recipient, terms.fee);
        _pull(token, buyer, seller, terms.net);
    }

    function _emitFilled(uint64 makerSeq, bytes32 orderHash, uint256 assetId, Order memory order, Quote memory terms)
        private
    {
        emit Filled({
            makerSeq: makerSeq,
            orderHash: orderHash,
            assetId: assetId,
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

    /// @dev Returns to the caller what it sent beyond what was spent.
    function _refund(uint256 spent) private {
        if (msg.value > spent) Address.sendValue(payable(msg.sender), msg.value - spent);
    }

    /// @dev Sends native coin with bounded gas; what is refused becomes a credit.
    function _push(address to, uint256 amount) private {
        if (amount == 0) return;
        (bool sent,) = to.call{value: amount, gas: PUSH_GAS}("");
        if (!sent) _credit(to, address(0), amount);
    }

    /// @dev Every royalty is income of its asset, so it arrives whole: in the pot or, when the token refuses to pay the
    /// pot, as the pot's credit.
    function _payPot(IERC20 token, address from, uint256 amount) private {
        uint256 before = token.balanceOf(POT);
        uint256 received = token.trySafeTransferFrom(from, POT, amount)
            ? token.balanceOf(POT) - before
            : _pullCredit(token, from, POT, amount);
        if (received < amount) revert RoyaltyNotReceived(address(token), received, amount);
    }

    /// @dev Moves tokens from the buyer; when the receiver cannot take them they become its credit.
    function _pull(IERC20 token, address from, address to, uint256 amount) private {
        if (amount == 0 || token.trySafeTransferFrom(from, to, amount)) return;
        _pullCredit(token, from, to, amount);
    }

    /// @dev Counts what arrives here, and no other payment inside the token's own code.
    function _pullCredit(IERC20 token, address from, address to, uint256 amount) private returns (uint256 received) {
        uint256 before = token.balanceOf(address(this));
        _transfer(token, from, address(this), amount);
        received = Math.min(amount, token.balanceOf(address(this)) - before);
        _credit(to, address(token), received);
    }

    function _transfer(IERC20 token, address from, address to, uint256 amount) private {
        if (!token.trySafeTransferFrom(from, to, amount)) revert PaymentFailed(address(token), from, to, amount);
    }

    function _payCredit(address account, address currency, address to) private returns (uint256 amount) {
        amount = creditOf[account][currency];
        if (amount == 0) revert CreditEmpty(account, currency);
        creditOf[account][currency] = 0;
        emit CreditWithdrawn({account: account, currency: currency, to: to, amount: amount});
        if (currency == address(0)) Address.sendValue(payable(to), amount);
        else IERC20(currency).safeTransfer(to, amount);
    }

    function _credit(address account, address currency, uint256 amount) private {
        uint256 credit = creditOf[account][currency] + amount;
        creditOf[account][currency] = credit;
        emit CreditAdded({account: account, currency: currency, amount: amount, credit: credit});
    }

    function _setFee(uint16 newFeeBps, address newFeeRecipient) private {
        if (newFeeBps > MAX_FEE_BPS) revert FeeAboveMax(newFeeBps, MAX_FEE_BPS);
        if (newFeeRecipient == address(0)) revert FeeRecipientZero();
        (_state.feeBps, _state.feeRecipient) = (newFeeBps, newFeeRecipient);
        emit FeeSet({seq: ++_state.seq, feeBps: newFeeBps, feeRecipient: newFeeRecipient});
    }
}
