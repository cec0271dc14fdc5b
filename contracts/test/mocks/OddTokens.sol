// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice Returns nothing from its calls, and wants allowances set to zero before they change.
contract NoReturnToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        require(amount == 0 || allowance[msg.sender][spender] == 0, "set to zero first");
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @notice Keeps one part in a hundred of every transfer.
contract FeeToken is ERC20("Fee", "FEE") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0) || to == address(0)) return super._update(from, to, amount);
        super._update(from, address(0), amount / 100);
        super._update(from, to, amount - amount / 100);
    }
}

/// @notice Refuses transfers to blocked accounts.
contract BlockingToken is ERC20("Blocking", "BLK") {
    mapping(address account => bool) public blocked;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setBlocked(address account, bool value) external {
        blocked[account] = value;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!blocked[to], "blocked");
        super._update(from, to, amount);
    }
}

/// @notice Calls its sender's code before it moves anything, as ERC-777 does.
contract HookToken is ERC20("Hook", "HOOK") {
    address public target;
    bytes public data;
    uint256 private _later;
    bool public succeeded;
    mapping(address account => bool) private _refused;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function arm(address newTarget, bytes memory newData) external {
        armLater(newTarget, newData, 0);
    }

    /// @notice Calls in the transfer after so many others.
    function armLater(address newTarget, bytes memory newData, uint256 later) public {
        (target, data, _later) = (newTarget, newData, later);
    }

    /// @notice Pays this account nothing.
    function refuse(address account) external {
        _refused[account] = true;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!_refused[to], "refused");
        if (target != address(0) && _later == 0) {
            address once = target;
            target = address(0);
            (succeeded,) = once.call(data);
        } else if (target != address(0)) {
            --_later;
        }
        super._update(from, to, amount);
    }
}

/// @notice Balances are shares of a supply that grows and shrinks by itself; a transfer may move a base unit less.
contract RebasingToken {
    uint256 private constant ONE = 1e18;
    uint256 private scale = ONE;
    mapping(address account => uint256) private shares;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        shares[to] += amount * ONE / scale;
    }

    /// @notice Makes of each balance of one `newScale` / 1e18.
    function rebase(uint256 newScale) external {
        scale = newScale;
    }

    function balanceOf(address account) public view returns (uint256) {
        return shares[account] * scale / ONE;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
        return true;
    }

    function _move(address from, address to, uint256 amount) private {
        uint256 moved = amount * ONE / scale;
        shares[from] -= moved;
        shares[to] += moved;
    }
}

/// @notice Fails in a way of its choice, towards one account or all, and keeps its books nevertheless.
contract WildToken is ERC20("Wild", "WILD") {
    enum Mood {
        TAME,
        BALANCE_REVERTS,
        BALANCE_BURNS_GAS,
        BALANCE_IS_TOO_HIGH,
        BALANCE_IS_ZERO,
        BALANCE_IS_LONG,
        BALANCE_IS_SHORT,
        TRANSFER_REVERTS,
        TRANSFER_BURNS_GAS,
        TRANSFER_RETURNS_FALSE,
        TRANSFER_MOVES_NOTHING,
        TRANSFER_MOVES_HALF,
        TRANSFER_ANSWERS_AT_LENGTH
    }

    Mood public mood;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function feel(Mood newMood) external {
        mood = newMood;
    }

    function balanceOf(address account) public view override returns (uint256) {
        if (mood == Mood.BALANCE_REVERTS) revert("no");
        if (mood == Mood.BALANCE_BURNS_GAS) _burnGas();
        if (mood == Mood.BALANCE_IS_TOO_HIGH) return type(uint256).max;
        if (mood == Mood.BALANCE_IS_ZERO) return 0;
        if (mood == Mood.BALANCE_IS_LONG) _answer(1_000_000);
        if (mood == Mood.BALANCE_IS_SHORT) _answer(31);
        return super.balanceOf(account);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (mood == Mood.TRANSFER_REVERTS) revert("no");
        if (mood == Mood.TRANSFER_BURNS_GAS) _burnGas();
        if (mood == Mood.TRANSFER_RETURNS_FALSE) return false;
        if (mood == Mood.TRANSFER_MOVES_NOTHING) return true;
        if (mood == Mood.TRANSFER_MOVES_HALF) amount /= 2;
        bool moved = super.transfer(to, amount);
        if (mood == Mood.TRANSFER_ANSWERS_AT_LENGTH) _answer(1_000_000);
        return moved;
    }

    function _burnGas() private pure {
        while (true) {}
    }

    function _answer(uint256 length) private pure {
        assembly ("memory-safe") {
            return(0, length)
        }
    }
}
