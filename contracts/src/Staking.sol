// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {Streams} from "./libraries/Streams.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Staking
/// @notice Backing works, and earning part of the income that was funded for their backers.
/// @dev Nobody has a role here: nothing can be set, paused or taken after deployment.
/// Limitations: the wait after unstaking counts accounts, not people: a stake spread over many accounts leaves sooner,
/// and of a stake taken out in parts the first 1000 tokens wait less than the rest. Yield in a token that nobody joins
/// waits until somebody does. Parts that cannot be divided when a stream runs dry, less than one for each unit of stake,
/// wait for its next funding. A token that changes balances by itself can leave too little of itself; if that is the
/// stake token, stakes and yield in it are short together. Coin or tokens sent here outside `stake` and `fundYield` are lost.
/// @dev Warning: the stake token is trusted to keep balances. Reward tokens are not: a bad one harms those who joined
/// it, and only in itself.
contract Staking is ReentrancyGuardTransient, IStaking {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;
    using Streams for Streams.Stream;

    // ------------------------------------------------------------------------------------------------------ constants

    /// @notice Reward tokens of one asset that an account can take part in: the bound of what staking costs.
    uint256 public constant MAX_TOKENS = 8;
    uint256 public constant MIN_DURATION = 1 days;
    uint256 public constant MAX_DURATION = 365 days;
    uint256 public constant SMALL_STAKE = 100;
    uint256 public constant LARGE_STAKE = 1000;
    uint64 public constant SHORT_COOLDOWN = 24 hours;
    uint64 public constant LONG_COOLDOWN = 72 hours;
    uint8 public constant MAX_DECIMALS = 24;

    IERC20 public immutable STAKE_TOKEN;
    IAssetRegistry public immutable REGISTRY;
    /// @notice Base units of a whole stake token.
    uint256 public immutable WHOLE;

    // -------------------------------------------------------------------------------------------------------- storage

    /// @dev An account in a stream.
    /// @param index The stream's index up to which `accrued` counts.
    struct Position {
        uint208 index;
        bool joined;
        uint208 accrued;
    }

    /// @dev What an account took out in the span of 72 hours with this number and in the one before. Sums stop at their
    /// largest value, which is far above the largest class.
    struct Taken {
        uint104 current;
        uint104 previous;
        uint48 span;
    }

    struct Exit {
        uint128 amount;
        uint64 readyAt;
    }

    /// @inheritdoc IStaking
    uint64 public eventSeq;
    /// @inheritdoc IStaking
    mapping(address account => mapping(uint256 assetId => uint256)) public stakeOf;
    /// @inheritdoc IStaking
    mapping(uint256 assetId => uint256) public totalStakeOf;
    mapping(address account => mapping(uint256 assetId => address[])) private _tokens;
    mapping(uint256 assetId => mapping(address token => Streams.Stream)) private _streams;
    mapping(address account => mapping(uint256 assetId => mapping(address token => Position))) private _positions;
    mapping(address account => Taken) private _taken;
    mapping(address account => mapping(uint64 exit => Exit)) private _exits;

    // ---------------------------------------------------------------------------------------------------- constructor

    constructor(IERC20Metadata stakeToken, IAssetRegistry registry) {
        uint8 decimals = stakeToken.decimals();
        if (decimals > MAX_DECIMALS) revert DecimalsTooMany(decimals, MAX_DECIMALS);
        STAKE_TOKEN = stakeToken;
        REGISTRY = registry;
        WHOLE = 10 ** decimals;
        emit Opened({seq: ++eventSeq, stakeToken: address(stakeToken), decimals: decimals, registry: address(registry)});
    }

    // ------------------------------------------------------------------------------------------------------- external

    /// @inheritdoc IStaking
    function stake(uint256 assetId, uint256 amount, address[] calldata tokens)
        external
        nonReentrant
        returns (uint256 received)
    {
        _checkAsset(assetId);
        received = _pull(STAKE_TOKEN, amount);
        uint256 total = totalStakeOf[assetId] + received;
        // The sum bounds every stake and every stream's share of it.
        totalStakeOf[assetId] = total.toUint128();
        _setStake(assetId, stakeOf[msg.sender][assetId] + received);
        emit Staked({seq: ++eventSeq, assetId: assetId, account: msg.sender, amount: received});
        _join(assetId, tokens);
    }

    /// @inheritdoc IStaking
    function unstake(uint256 assetId, uint256 amount) external returns (uint64 exit, uint64 readyAt) {
        if (amount == 0) revert AmountZero();
        uint256 staked = stakeOf[msg.sender][assetId];
        if (amount > staked) revert StakeTooSmall(msg.sender, assetId, staked, amount);
        totalStakeOf[assetId] -= amount;
        _setStake(assetId, staked - amount);
        Taken memory taken = _takenWith(msg.sender, amount);
        _taken[msg.sender] = taken;
        exit = ++eventSeq;
        readyAt = uint64(block.timestamp) + _cooldown(taken);
        _exits[msg.sender][exit] = Exit({amount: uint128(amount), readyAt: readyAt});
        emit Unstaked({seq: exit, assetId: assetId, account: msg.sender, amount: amount, readyAt: readyAt});
    }

    /// @inheritdoc IStaking
    function withdraw(uint64 exit, address to) external nonReentrant returns (uint256 amount) {
        _checkReceiver(to);
        Exit memory cooled = _exits[msg.sender][exit];
        amount = cooled.amount;
        if (amount == 0) revert ExitUnknown(msg.sender, exit);
        if (block.timestamp < cooled.readyAt) revert ExitNotReady(exit, cooled.readyAt);
        delete _exits[msg.sender][exit];
        emit Withdrawn({seq: ++eventSeq, account: msg.sender, exit: exit, to: to, amount: amount});
        STAKE_TOKEN.safeTransfer(to, amount);
    }

    /// @inheritdoc IStaking
    function join(uint256 assetId, address[] calldata tokens) external {
        _join(assetId, tokens);
    }

    /// @inheritdoc IStaking
    function leave(uint256 assetId, address[] calldata tokens) external {
        uint256 staked = stakeOf[msg.sender][assetId];
        for (uint256 i; i < tokens.length; ++i) {
            address token = tokens[i];
            Position storage position = _positions[msg.sender][assetId][token];
            if (!position.joined) revert NotJoined(msg.sender, assetId, token);
            _settle(assetId, token, staked, 0);
            position.joined = false;
            _remove(_tokens[msg.sender][assetId], token);
            emit Left({seq: ++eventSeq, assetId: assetId, account: msg.sender, token: token});
        }
    }

    /// @inheritdoc IStaking
    function fundYield(uint256 assetId, address token, uint256 amount, uint256 duration)
        external
        payable
        nonReentrant
        returns (uint256 received)
    {
        if (duration < MIN_DURATION || duration > MAX_DURATION) {
            revert DurationOutOfBounds(duration, MIN_DURATION, MAX_DURATION);
        }
        _checkAsset(assetId);
        uint256 expected = token == address(0) ? amount : 0;
        if (msg.value != expected) revert ValueMismatch(msg.value, expected);
        if (token == address(0)) received = amount;
        else received = _pull(IERC20(token), amount);
        if (received == 0) revert AmountZero();

        Streams.Stream storage stream = _streams[assetId][token];
        stream.settle();
        uint256 clock = stream.clock;
        uint256 end = stream.add({amount: received, duration: duration});
        emit YieldFunded({
            seq: ++eventSeq, assetId: assetId, token: token, from: msg.sender, amount: received, length: end - clock
        });
    }

    /// @inheritdoc IStaking
    function claimYield(uint256 assetId, address token, address to) external nonReentrant returns (uint256 amount) {
        _checkReceiver(to);
        Position storage position = _positions[msg.sender][assetId][token];
        if (position.joined) {
            uint256 staked = stakeOf[msg.sender][assetId];
            _settle(assetId, token, staked, staked);
        }
        uint256 accrued = position.accrued;
        amount = accrued / Streams.PARTS;
        if (amount == 0) revert NothingToClaim(msg.sender, assetId, token);
        position.accrued = uint208(accrued % Streams.PARTS);
        emit YieldClaimed({
            seq: ++eventSeq, assetId: assetId, token: token, account: msg.sender, to: to, amount: amount
        });
        if (token == address(0)) Address.sendValue(payable(to), amount);
        else IERC20(token).safeTransfer(to, amount);
    }

    // ---------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IStaking
    function tokensOf(address account, uint256 assetId) external view returns (address[] memory) {
        return _tokens[account][assetId];
    }

    /// @inheritdoc IStaking
    function claimableOf(address account, uint256 assetId, address token) external view returns (uint256) {
        return accruedOf(account, assetId, token) / Streams.PARTS;
    }

    /// @inheritdoc IStaking
    function accruedOf(address account, uint256 assetId, address token) public view returns (uint256 accrued) {
        Position memory position = _positions[account][assetId][token];
        accrued = position.accrued;
        if (position.joined) {
            uint256 rise = _streams[assetId][token].current().index - position.index;
            accrued += stakeOf[account][assetId] * rise;
        }
    }

    /// @inheritdoc IStaking
    function streamOf(uint256 assetId, address token) external view returns (StreamState memory) {
        Streams.Stream storage stream = _streams[assetId][token];
        Streams.Moment memory moment = stream.current();
        return StreamState({
            funded: stream.funded,
            stake: stream.stake,
            undripped: stream.undripped(),
            carried: moment.carried,
            rate: moment.rate,
            index: moment.index,
            clock: moment.clock
        });
    }

    /// @inheritdoc IStaking
    function coolingOf(address account, uint64 exit) external view returns (uint256 amount, uint64 readyAt) {
        Exit memory cooling = _exits[account][exit];
        return (cooling.amount, cooling.readyAt);
    }

    /// @inheritdoc IStaking
    function cooldownOf(address account, uint256 amount) external view returns (uint64) {
        return _cooldown(_takenWith(account, amount));
    }

    // ------------------------------------------------------------------------------------------------------- internal

    /// @dev The registry reverts when it does not know the asset.
    function _checkAsset(uint256 assetId) private view {
        REGISTRY.epochOf(assetId);
    }

    /// @dev What was sent to this contract or to zero would be lost.
    function _checkReceiver(address to) private view {
        if (to == address(0) || to == address(this)) revert ReceiverInvalid(to);
    }

    /// @dev Counts no other payment inside the token's own code.
    /// @return received What arrived.
    function _pull(IERC20 token, uint256 amount) private returns (uint256 received) {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        received = Math.min(amount, token.balanceOf(address(this)) - before);
        if (received == 0) revert AmountZero();
    }

    /// @dev Sets the caller's stake in an asset and in each stream that it takes part in.
    function _setStake(uint256 assetId, uint256 newStake) private {
        uint256 oldStake = stakeOf[msg.sender][assetId];
        address[] storage tokens = _tokens[msg.sender][assetId];
        uint256 count = tokens.length;
        for (uint256 i; i < count; ++i) {
            _settle(assetId, tokens[i], oldStake, newStake);
        }
        stakeOf[msg.sender][assetId] = newStake;
    }

    function _join(uint256 assetId, address[] calldata tokens) private {
        uint256 staked = stakeOf[msg.sender][assetId];
        address[] storage joined = _tokens[msg.sender][assetId];
        for (uint256 i; i < tokens.length; ++i) {
            address token = tokens[i];
            Position storage position = _positions[msg.sender][assetId][token];
            if (position.joined) continue;
            if (joined.length == MAX_TOKENS) revert TokensTooMany(MAX_TOKENS + 1, MAX_TOKENS);
            _settle(assetId, token, 0, staked);
            position.joined = true;
            joined.push(token);
            emit Joined({seq: ++eventSeq, assetId: assetId, account: msg.sender, token: token});
        }
    }

    /// @dev Brings a stream and the caller's position in it to this second, then moves the caller's stake in it.
    function _settle(uint256 assetId, address token, uint256 oldStake, uint256 newStake) private {
        Streams.Stream storage stream = _streams[assetId][token];
        Position storage position = _positions[msg.sender][assetId][token];
        uint256 index = stream.settle();
        position.accrued = (position.accrued + oldStake * (index - position.index)).toUint208();
        position.index = uint208(index);
        if (oldStake != newStake) stream.stake = (stream.stake - oldStake + newStake).toUint128();
    }

    function _remove(address[] storage tokens, address token) private {
        uint256 last = tokens.length - 1;
        for (uint256 i; i < last; ++i) {
            if (tokens[i] == token) {
                tokens[i] = tokens[last];
                break;
            }
        }
        tokens.pop();
    }

    /// @dev What an account has taken out lately, and `amount`.
    function _takenWith(address account, uint256 amount) private view returns (Taken memory taken) {
        taken = _taken[account];
        uint48 span = uint48(block.timestamp / LONG_COOLDOWN);
        if (span != taken.span) {
            taken.previous = span == taken.span + 1 ? taken.current : 0;
            taken.current = 0;
            taken.span = span;
        }
        taken.current = uint104(Math.min(Math.saturatingAdd(taken.current, amount), type(uint104).max));
    }

    function _cooldown(Taken memory taken) private view returns (uint64) {
        uint256 sum = uint256(taken.current) + taken.previous;
        if (sum < SMALL_STAKE * WHOLE) return 0;
        return sum <= LARGE_STAKE * WHOLE ? SHORT_COOLDOWN : LONG_COOLDOWN;
    }
}
