# parts.awk - who has how many bytes of a linked image. Reads the lines of nm -l, which say where a name comes from,
# then the linker's map, which has the size of every piece. Prints bytes of code (all that is in the flash: text,
# constants, initial values) and of RAM (variables), of aio.h, the program, its main, libgcc and the board; and how many
# there are in all, for size to compare.

function hex(text,   i, n) {
    for (i = 3; i <= length(text); i++)
        n = n * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
    return n
}

# The pieces are called .text.NAME, .rodata.NAME.str1.1, ... What has no name belongs with what is before it.
function owner_of(piece, object) {
    if (object ~ /libgcc\.a/ || object == "linker") return "libgcc"     # linker stubs: AVR's trampolines
    if (piece ~ /^\.rodata\.str/) return "library"
    if (object ~ /board\.o$/) return "board"
    sub(/^\.(text\.unlikely|text\.startup|text|rodata|progmem\.gcc_sw_table|s?data|s?bss)\./, "", piece)
    sub(/\.str[0-9]+\.[0-9]+$/, "", piece)
    if (piece == "main") return "main"
    if (piece in from) return from[piece] ~ /\/aio\.h:/ ? "library" : "program"
    return piece ~ /^aio_/ || last == "" ? "library" : last
}

# Strings that several pieces have in common are told of each.
function count(piece, address, size, object) {
    if (address < end) size -= end - address
    end = address + size
    last = piece == "*fill*" ? last : owner_of(piece, object)
    if (output !~ /^\.(s?bss|noinit)/) code[last] += size
    if (output ~ /^\.(s?bss|noinit|s?data)/) ram[last] += size
    total += size
}

FNR == NR { if ($NF ~ /:[0-9]+$/) from[$(NF - 1)] = $NF; next }
/^Linker script and memory map/ { inside = 1; next }
!inside || / \(size before relaxing\)/ { next }
/^\./ { output = $1; end = 0; counted = output !~ /^\.(comment|debug|stab|note|.*attributes)/ }
!counted { next }
/^ (\.|COMMON)[^ ]*$/ { piece = $1; next }                             # and the rest on the next line
/^ +0x[0-9a-f]+ +0x[0-9a-f]+ [^ ]/ { if (piece) count(piece, hex($1), hex($2), $3); piece = ""; next }
/^ (\.[^ ]+|COMMON) +0x[0-9a-f]+ +0x[0-9a-f]+ / { count($1, hex($2), hex($3), $4) }
/^ \*fill\* +0x/ { count($1, hex($2), hex($3), "") }
{ piece = "" }

END {
    for (i = split("library program main libgcc board", who); i; i--)
        print who[i], code[who[i]] + 0, ram[who[i]] + 0
    print "total", total
}
