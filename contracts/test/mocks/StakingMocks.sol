// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/interfaces/IStaking.sol";
import {TestToken} from "./TestToken.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Test, Vm} from "forge-std/Test.sol";

/// @notice Works until it is told to refuse every call.
contract DeadToken is ERC20("Dead", "DEAD") {
    bool public dead;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function die() external {
        dead = true;
    }

    function balanceOf(address account) public view override returns (uint256) {
        require(!dead, "dead");
        return super.balanceOf(account);
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!dead, "dead");
        super._update(from, to, amount);
    }
}

/// @notice Moves nothing and says that everything went well.
contract EmptyToken {
    function balanceOf(address) external pure returns (uint256) {
        return 1e18;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return true;
    }
}

/// @notice A token with any number of decimals.
contract DecimalToken is ERC20("Decimals", "DEC") {
    uint8 private immutable DECIMALS;

    constructor(uint8 count) {
        DECIMALS = count;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }
}

/// @notice What Staking must be, computed from its events and their times alone. Another way than the contract's: every
/// funding is kept in a list with its own rate and end.
contract StakingMirror {
    struct Funding {
        uint256 rate;
        uint256 end;
    }

    struct Stream {
        uint256 funded;
        uint256 stake;
        uint256 carried;
        uint256 index;
        uint256 clock;
        uint256 updated;
    }

    struct Position {
        uint256 index;
        uint256 accrued;
    }

    struct Cooling {
        uint256 amount;
        uint256 readyAt;
    }

    struct Entry {
        uint256 assetId;
        address account;
        address token;
        bytes data;
        uint256 time;
    }

    uint64 public seq;
    address public stakeToken;
    address public registry;
    uint256 public decimals;
    mapping(address account => mapping(uint256 assetId => uint256)) public stakeOf;
    mapping(uint256 assetId => uint256) public totalStakeOf;
    mapping(address account => mapping(uint64 exit => Cooling)) public coolingOf;
    mapping(address account => mapping(uint256 assetId => address[])) private _tokens;
    mapping(uint256 assetId => mapping(address token => Stream)) private _streams;
    mapping(uint256 assetId => mapping(address token => Funding[])) private _fundings;
    mapping(address account => mapping(uint256 assetId => mapping(address token => Position))) private _positions;

    function record(Vm.Log[] memory logs, address emitter, uint256 time) external {
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter != emitter) continue;
            require(abi.decode(logs[i].data, (uint64)) == ++seq, "gap");
            _apply(logs[i], time);
        }
    }

    function _apply(Vm.Log memory log, uint256 time) private {
        bytes32 kind = log.topics[0];
        if (kind == IStaking.Opened.selector) {
            (stakeToken, registry) = (_account(log.topics[1]), _account(log.topics[2]));
            (, decimals) = abi.decode(log.data, (uint64, uint8));
            return;
        }
        if (kind == IStaking.Withdrawn.selector) {
            delete coolingOf[_account(log.topics[1])][uint64(uint256(log.topics[2]))];
            return;
        }
        Entry memory entry = Entry({
            assetId: uint256(log.topics[1]), account: address(0), token: address(0), data: log.data, time: time
        });
        if (kind == IStaking.YieldFunded.selector) {
            entry.token = _account(log.topics[2]);
            return _funded(entry);
        }
        if (kind == IStaking.YieldClaimed.selector) {
            (entry.token, entry.account) = (_account(log.topics[2]), _account(log.topics[3]));
            return _claimed(entry);
        }
        entry.account = _account(log.topics[2]);
        if (kind == IStaking.Staked.selector) return _staked(entry);
        if (kind == IStaking.Unstaked.selector) return _unstaked(entry);
        entry.token = _account(log.topics[3]);
        if (kind == IStaking.Joined.selector) return _joined(entry);
        require(kind == IStaking.Left.selector, "unknown event");
        _left(entry);
    }

    function _funded(Entry memory entry) private {
        (, uint256 amount, uint256 length) = abi.decode(entry.data, (uint64, uint256, uint256));
        _settleStream(entry.assetId, entry.token, entry.time);
        Stream storage stream = _streams[entry.assetId][entry.token];
        stream.funded += amount;
        stream.carried += (amount << 80) % length;
        _fundings[entry.assetId][entry.token].push(Funding({rate: (amount << 80) / length, end: stream.clock + length}));
    }

    function _claimed(Entry memory entry) private {
        (,, uint256 amount) = abi.decode(entry.data, (uint64, address, uint256));
        if (_indexOf(entry) != type(uint256).max) _settle(entry);
        _positions[entry.account][entry.assetId][entry.token].accrued -= amount << 80;
    }

    function _staked(Entry memory entry) private {
        (, uint256 amount) = abi.decode(entry.data, (uint64, uint256));
        _setStake(entry, stakeOf[entry.account][entry.assetId] + amount);
        totalStakeOf[entry.assetId] += amount;
    }

    function _unstaked(Entry memory entry) private {
        (, uint256 amount, uint64 readyAt) = abi.decode(entry.data, (uint64, uint256, uint64));
        _setStake(entry, stakeOf[entry.account][entry.assetId] - amount);
        totalStakeOf[entry.assetId] -= amount;
        coolingOf[entry.account][seq] = Cooling({amount: amount, readyAt: readyAt});
    }

    function _joined(Entry memory entry) private {
        _settleStream(entry.assetId, entry.token, entry.time);
        Stream storage stream = _streams[entry.assetId][entry.token];
        _positions[entry.account][entry.assetId][entry.token].index = stream.index;
        stream.stake += stakeOf[entry.account][entry.assetId];
        _tokens[entry.account][entry.assetId].push(entry.token);
    }

    function _left(Entry memory entry) private {
        _settle(entry);
        _streams[entry.assetId][entry.token].stake -= stakeOf[entry.account][entry.assetId];
        address[] storage tokens = _tokens[entry.account][entry.assetId];
        tokens[_indexOf(entry)] = tokens[tokens.length - 1];
        tokens.pop();
    }

    function _setStake(Entry memory entry, uint256 newStake) private {
        address[] memory tokens = _tokens[entry.account][entry.assetId];
        uint256 oldStake = stakeOf[entry.account][entry.assetId];
        for (uint256 i; i < tokens.length; ++i) {
            entry.token = tokens[i];
            _settle(entry);
            Stream storage stream = _streams[entry.assetId][entry.token];
            stream.stake = stream.stake - oldStake + newStake;
        }
        stakeOf[entry.account][entry.assetId] = newStake;
    }

    function _settle(Entry memory entry) private {
        _settleStream(entry.assetId, entry.token, entry.time);
        Position storage position = _positions[entry.account][entry.assetId][entry.token];
        uint256 index = _streams[entry.assetId][entry.token].index;
        position.accrued += stakeOf[entry.account][entry.assetId] * (index - position.index);
        position.index = index;
    }

    function _settleStream(uint256 assetId, address token, uint256 time) private {
        Stream memory stream = at(assetId, token, time);
        stream.updated = time;
        _streams[assetId][token] = stream;
    }

    /// @notice A stream at a time that is not before its last event.
    function at(uint256 assetId, address token, uint256 time) public view returns (Stream memory stream) {
        stream = _streams[assetId][token];
        uint256 last = _lastEnd(assetId, token);
        if (stream.stake == 0 || last <= stream.clock) return stream;
        uint256 until = stream.clock + time - stream.updated;
        if (until > last) until = last;
        uint256 parts = stream.carried;
        Funding[] memory fundings = _fundings[assetId][token];
        for (uint256 i; i < fundings.length; ++i) {
            uint256 end = fundings[i].end < until ? fundings[i].end : until;
            if (end > stream.clock) parts += fundings[i].rate * (end - stream.clock);
        }
        stream.clock = until;
        stream.index += parts / stream.stake;
        stream.carried = parts % stream.stake;
    }

    function undrippedAt(uint256 assetId, address token, uint256 time) external view returns (uint256 parts) {
        uint256 clock = at(assetId, token, time).clock;
        Funding[] memory fundings = _fundings[assetId][token];
        for (uint256 i; i < fundings.length; ++i) {
            if (fundings[i].end > clock) parts += fundings[i].rate * (fundings[i].end - clock);
        }
    }

    function accruedAt(address account, uint256 assetId, address token, uint256 time)
        external
        view
        returns (uint256 accrued)
    {
        Position memory position = _positions[account][assetId][token];
        accrued = position.accrued;
        Entry memory entry = Entry({assetId: assetId, account: account, token: token, data: "", time: time});
        if (_indexOf(entry) == type(uint256).max) return accrued;
        accrued += stakeOf[account][assetId] * (at(assetId, token, time).index - position.index);
    }

    function tokensOf(address account, uint256 assetId) external view returns (address[] memory) {
        return _tokens[account][assetId];
    }

    function _lastEnd(uint256 assetId, address token) private view returns (uint256 last) {
        Funding[] memory fundings = _fundings[assetId][token];
        for (uint256 i; i < fundings.length; ++i) {
            if (fundings[i].end > last) last = fundings[i].end;
        }
    }

    function _indexOf(Entry memory entry) private view returns (uint256) {
        address[] memory tokens = _tokens[entry.account][entry.assetId];
        for (uint256 i; i < tokens.length; ++i) {
            if (tokens[i] == entry.token) return i;
        }
        return type(uint256).max;
    }

    function _account(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }
}

/// @notice Four backers and a funder on two assets with three reward tokens, one of which is the stake token. Notes what
/// went in and out, and feeds the mirror.
contract StakingHandler is Test {
    IStaking public immutable STAKING;
    TestToken public immutable STAKE_TOKEN;
    StakingMirror public immutable MIRROR;

    address[4] public actors;
    address[3] public tokens;
    uint64[] public exits;
    mapping(uint64 exit => address) public exitOwner;
    uint256 public cooling;
    mapping(uint256 assetId => mapping(address token => uint256)) public claimed;
    mapping(uint256 assetId => mapping(address token => uint256)) public funded;

    constructor(IStaking staking, TestToken stakeToken, TestToken reward, StakingMirror mirror) {
        STAKING = staking;
        STAKE_TOKEN = stakeToken;
        MIRROR = mirror;
        tokens = [address(0), address(reward), address(stakeToken)];
        for (uint256 i; i < actors.length; ++i) {
            actors[i] = makeAddr(string.concat("backer ", vm.toString(i)));
            vm.prank(actors[i]);
            stakeToken.approve(address(staking), type(uint256).max);
        }
        reward.approve(address(staking), type(uint256).max);
        stakeToken.approve(address(staking), type(uint256).max);
    }

    modifier mirrored() {
        vm.recordLogs();
        _;
        MIRROR.record(vm.getRecordedLogs(), address(STAKING), block.timestamp);
    }

    function stake(uint256 actor, uint256 asset, uint256 amount, uint256 token) external mirrored {
        address account = _actor(actor);
        amount = _size(amount);
        STAKE_TOKEN.mint(account, amount);
        address[] memory joined = new address[](token % 2);
        if (joined.length != 0) joined[0] = _token(token / 2);
        vm.prank(account);
        STAKING.stake(_asset(asset), amount, joined);
    }

    function unstake(uint256 actor, uint256 asset, uint256 amount, bool all) external mirrored {
        address account = _actor(actor);
        uint256 staked = STAKING.stakeOf(account, _asset(asset));
        if (staked == 0) return;
        amount = all ? staked : bound(amount, 1, staked);
        vm.prank(account);
        (uint64 exit,) = STAKING.unstake(_asset(asset), amount);
        exits.push(exit);
        exitOwner[exit] = account;
        cooling += amount;
    }

    function withdraw(uint256 which) external mirrored {
        if (exits.length == 0) return;
        which %= exits.length;
        uint64 exit = exits[which];
        (, uint64 readyAt) = STAKING.coolingOf(exitOwner[exit], exit);
        if (block.timestamp < readyAt) return;
        vm.prank(exitOwner[exit]);
        cooling -= STAKING.withdraw(exit, exitOwner[exit]);
        exits[which] = exits[exits.length - 1];
        exits.pop();
    }

    function join(uint256 actor, uint256 asset, uint256 token) external mirrored {
        address[] memory joined = new address[](1);
        joined[0] = _token(token);
        vm.prank(_actor(actor));
        STAKING.join(_asset(asset), joined);
    }

    function leave(uint256 actor, uint256 asset, uint256 token) external mirrored {
        address account = _actor(actor);
        address[] memory joined = STAKING.tokensOf(account, _asset(asset));
        if (joined.length == 0) return;
        address[] memory left = new address[](1);
        left[0] = joined[token % joined.length];
        vm.prank(account);
        STAKING.leave(_asset(asset), left);
    }

    function fund(uint256 asset, uint256 token, uint256 amount, uint256 duration) external mirrored {
        address reward = _token(token);
        amount = _size(amount);
        duration = bound(duration, 1 days, 365 days);
        if (reward == address(0)) vm.deal(address(this), amount);
        else TestToken(reward).mint(address(this), amount);
        STAKING.fundYield{value: reward == address(0) ? amount : 0}(_asset(asset), reward, amount, duration);
        funded[_asset(asset)][reward] += amount;
    }

    function claim(uint256 actor, uint256 asset, uint256 token) external mirrored {
        address account = _actor(actor);
        if (STAKING.claimableOf(account, _asset(asset), _token(token)) == 0) return;
        vm.prank(account);
        claimed[_asset(asset)][_token(token)] += STAKING.claimYield(_asset(asset), _token(token), account);
    }

    /// @dev Time in which nobody takes part moves nothing.
    function pass(uint256 time) external {
        uint256[6] memory before;
        for (uint256 i; i < 6; ++i) {
            before[i] = STAKING.streamOf(1 + i / 3, tokens[i % 3]).undripped;
        }
        skip(bound(time, 1, 40 days));
        for (uint256 i; i < 6; ++i) {
            IStaking.StreamState memory stream = STAKING.streamOf(1 + i / 3, tokens[i % 3]);
            if (stream.stake == 0) assertEq(stream.undripped, before[i], "yield in zero-stake time");
            else if (before[i] != 0) assertLt(stream.undripped, before[i], "no yield while staked");
        }
    }

    function _actor(uint256 seed) private view returns (address) {
        return actors[seed % actors.length];
    }

    function _asset(uint256 seed) private pure returns (uint256) {
        return 1 + seed % 2;
    }

    function _token(uint256 seed) private view returns (address) {
        return tokens[seed % tokens.length];
    }

    /// @dev Of all magnitudes.
    function _size(uint256 seed) private pure returns (uint256) {
        return 1 + (seed / 256) % (uint256(1) << (seed % 100));
    }
}
