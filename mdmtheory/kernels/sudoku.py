"""Sudoku grids: all completions of a puzzle, and a random grid, by depth-first search on the tightest cell.

Cells are numbered row by row, digits from 1, 0 is a blank. Bit d - 1 of a mask tells whether a row, a column or a box
may still take digit d. The stack has the cell of each depth and the digits that are still to be tried there.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.random import next_bits


@part
def _place(grid, free, box, cell, digit):
    """Put a digit on a blank cell, or take it off; the bits of its row, column and box turn over."""
    size = box * box
    row, column = cell // size, cell % size
    bit = 1 << (digit - 1)
    free[0, row] ^= bit
    free[1, column] ^= bit
    free[2, row // box * box + column // box] ^= bit
    grid[cell] = digit if grid[cell] == 0 else 0


@part
def _digits_for(free, box, cell):
    """The mask of the digits that a blank cell may take."""
    size = box * box
    row, column = cell // size, cell % size
    return free[0, row] & free[1, column] & free[2, row // box * box + column // box]


@part
def _tightest(grid, free, box):
    """The blank cell with the fewest digits left, the first of them; -1 where no cell is blank."""
    best, fewest = -1, box * box + 1
    for cell in range(len(grid)):
        if grid[cell] == 0:
            digits, count = _digits_for(free, box, cell), 0
            while digits:
                digits &= digits - 1
                count += 1
            if count < fewest:
                best, fewest = cell, count
                if count <= 1:
                    break
    return best


@part
def _search(grid, free, box, most, nodes, shuffles, state, cells, left, out):
    """Fill rows of `out` with completions, `most` at most; their number, or -1 after so many `nodes`."""
    found, depth, visited = 0, 0, 0
    cell = _tightest(grid, free, box)
    if cell < 0:
        for k in range(len(grid)):
            out[0, k] = grid[k]
        return 1
    cells[0], left[0] = cell, _digits_for(free, box, cell)
    while depth >= 0:
        cell = cells[depth]
        if grid[cell] != 0:
            _place(grid, free, box, cell, grid[cell])
        if left[depth] == 0:
            depth -= 1
            continue
        visited += 1
        if visited > nodes:
            return -1
        count, digits = 0, left[depth]
        while digits:
            digits &= digits - 1
            count += 1
        skip = np.int64(next_bits(state) % np.uint64(count)) if shuffles else 0
        digits = left[depth]
        for _ in range(skip):
            digits &= digits - 1
        bit, digit = digits & -digits, 1
        while bit >> digit:
            digit += 1
        left[depth] ^= bit
        _place(grid, free, box, cell, digit)
        following = _tightest(grid, free, box)
        if following < 0:
            for k in range(len(grid)):
                out[found, k] = grid[k]
            found += 1
            if found == most:
                return found
            continue
        depth += 1
        cells[depth], left[depth] = following, _digits_for(free, box, following)
    return found


@kernel
def complete_grid(puzzle, box, nodes, free, cells, left, out):
    """Fill rows of `out` with all completions of a puzzle, as many as fit; their number, 0 where givens clash.

    -1 where the search visits more than so many `nodes`. `puzzle` (cells,) int64 is left with whatever; `free`
    (3, size) and `cells`, `left` (cells,) are scratch.
    """
    size = box * box
    for kind in range(3):
        for place in range(size):
            free[kind, place] = (1 << size) - 1
    for cell in range(len(puzzle)):
        digit = puzzle[cell]
        if digit != 0:
            puzzle[cell] = 0
            if not _digits_for(free, box, cell) >> (digit - 1) & 1:
                return 0
            _place(puzzle, free, box, cell, digit)
    return _search(puzzle, free, box, len(out), nodes, False, np.zeros(4, dtype=np.uint64), cells, left, out)


@kernel
def random_grid(state, box, free, cells, left, grid, out):
    """Fill `out` (1, cells) with a grid found by trying digits in random order; `state` moves on. Not uniform."""
    size = box * box
    for kind in range(3):
        for place in range(size):
            free[kind, place] = (1 << size) - 1
    grid[:] = 0
    _search(grid, free, box, 1, 1 << 62, True, state, cells, left, out)
