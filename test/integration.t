#!/bin/sh
# integration.t - aio in other people's houses: the examples for Zephyr, FreeRTOS and Arduino, run with the stand-ins
# of test/standin, and what PlatformIO, Arduino, ESP-IDF and CMake want to read. Run from the root of the repository.
. test/tap.sh
export LC_ALL=C

warn='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror'
standin='-iquote . -isystem test/standin -iquote test/standin'

# prints NAME FILE: the program that was built last prints what the file's comment says.
prints() {
    section Prints "$2" >"$tmp/expected"
    perl -e 'alarm 20; exec @ARGV' "$tmp/program" >"$tmp/printed" 2>&1
    same "$1" "$tmp/expected" "$tmp/printed"
}

# sketch COMPILER...: the sketch, as Arduino's builder makes C++ of it.
sketch() {
    { echo '#include <Arduino.h>'; cat embedded/arduino/blink/blink.ino; } >"$tmp/blink.cpp"
    "$@" -iquote embedded/arduino/blink -isystem test/standin -c "$tmp/blink.cpp" -o "$tmp/blink.o"
}

# -------------------------------------------------------------------------------------------- they run

try 'zephyr: builds' $CC -std=gnu11 $warn $standin embedded/zephyr/main.c test/standin/host.c -o "$tmp/program"
prints 'zephyr: runs' embedded/zephyr/main.c
try 'freertos: builds' $CC -std=gnu11 $warn $standin embedded/freertos/main.c test/standin/host.c -o "$tmp/program"
prints 'freertos: runs' embedded/freertos/main.c
if have "$CXX"; then
    try 'arduino: the sketch builds' sketch "$CXX" -std=gnu++11 $warn
    try 'arduino: its tasks build' $CC -std=gnu11 $warn $standin embedded/arduino/blink/tasks.c test/standin/arduino.c \
        test/standin/host.c "$tmp/blink.o" -o "$tmp/program"
    prints 'arduino: runs' embedded/arduino/blink/blink.ino
else
    skip 'arduino' "no $CXX"
fi

# ------------------------------------------------------------------------- they compile for what they are for

# uno: with the flags of Arduino's AVR core, linked against nothing but the C library; how large it is.
uno() {
    avr='-mmcu=atmega328p -Os -ffunction-sections -fdata-sections'
    sketch avr-g++ $avr -std=gnu++11 -fpermissive -fno-exceptions -fno-threadsafe-statics || return 1
    avr-gcc $avr -std=gnu11 -flto -fno-fat-lto-objects -w $standin -c embedded/arduino/blink/tasks.c \
        -o "$tmp/tasks.o" || return 1
    sed 's/^#include "host.h"//; s/host_now/0ul/; s/host_[a-z_]*([^;]*);/;/' test/standin/arduino.c >"$tmp/core.c"
    avr-gcc $avr -w $standin -c "$tmp/core.c" -o "$tmp/core.o" || return 1
    avr-gcc $avr -flto -Wl,--gc-sections "$tmp/blink.o" "$tmp/tasks.o" "$tmp/core.o" -o "$tmp/uno.elf" -lm || return 1
    set -- $(avr-size "$tmp/uno.elf" | tail -n 1)
    [ $(($1 + $2)) -lt 16384 ] && [ $(($2 + $3)) -lt 1024 ] || { avr-size "$tmp/uno.elf"; return 1; }
}
if have avr-g++ && [ -f "$(avr-gcc -mmcu=atmega328p -print-file-name=libm.a)" ]; then
    try 'arduino: half of the flash and of the RAM of an Uno' uno
else
    skip 'arduino: half of the flash and of the RAM of an Uno' 'no avr-g++ with avr-libc'
fi
if have arm-none-eabi-gcc; then
    for main in zephyr freertos; do
        for processor in cortex-m0 cortex-m4; do
            try "$main: compiles for $processor" arm-none-eabi-gcc -mcpu=$processor -mthumb -Os -std=gnu11 \
                -ffreestanding $warn $standin -c embedded/$main/main.c -o "$tmp/main.o"
        done
    done
else
    skip 'zephyr and freertos: compile for Cortex-M' 'no arm-none-eabi-gcc'
fi

# readme: the options that README.md shows.
readme() {
    {
        printf '%s\n' '#include <stdint.h>' 'uint32_t board_ticks(void);' 'void board_idle(int32_t ticks);'
        sed -n '/^## In firmware/,/^## /{ /^```c/,/^```$/{ /^```/d; p; }; }' README.md
    } >"$tmp/readme.c"
    grep -q AIO_IDLE "$tmp/readme.c" && $CC -std=gnu11 $warn -iquote . -c "$tmp/readme.c" -o "$tmp/readme.o"
}
try 'the options of README.md compile' readme

# ------------------------------------------------------------------------------------------ manifests

# version: one in all files, and in the first line of aio.h.
version() {
    set -- $(awk '$2 ~ /^AIO_VERSION_(MAJOR|MINOR|PATCH)$/ { print $3 }' aio.h)
    version=$1.$2.$3
    head -n 1 aio.h | grep -qF "Version $version" || { echo "first line of aio.h: not $version"; return 1; }
    grep -qF "\"version\": \"$version\"," library.json || { echo "library.json: not $version"; return 1; }
    grep -qx "version=$version" library.properties || { echo "library.properties: not $version"; return 1; }
    grep -qx "version: \"$version\"" idf_component.yml || { echo "idf_component.yml: not $version"; return 1; }
}
try 'one version' version

# platformio: JSON, with what PlatformIO requires; no file in it that is not here.
cat >"$tmp/platformio.pl" <<'END'
use strict;
use JSON::PP;
local $/;
my $text = <STDIN>;
my $library = decode_json($text);
for my $field (qw(name version description keywords authors license frameworks platforms headers examples)) {
    print "no $field\n" unless $library->{$field};
}
print "description too long\n" if length $library->{description} > 255;
print "no $library->{headers}\n" unless -f $library->{headers};
print "it would compile our tests\n" unless $library->{build}{srcFilter} eq '-<*>';
for my $example (@{$library->{examples}}) {
    for my $file (@{$example->{files}}) {
        print "no $example->{base}/$file\n" unless -f "$example->{base}/$file";
    }
}
for my $name (@{$library->{export}{exclude}}) {
    print "no $name\n" unless -e $name;
}
END
if perl -MJSON::PP -e 1 2>"$tmp/said"; then
    platformio() { perl "$tmp/platformio.pl" <library.json; }
    try 'library.json' platformio
else
    skip 'library.json' 'no JSON::PP'
fi

# arduino: every line is key=value; what the specification requires; includes names a file; no source at the root,
# where Arduino compiles all there are.
arduino() {
    grep -nvE '^[a-z_]+=.*$' library.properties && return 1
    for key in name version author maintainer sentence paragraph category url architectures includes; do
        [ "$(grep -c "^$key=" library.properties)" = 1 ] || { echo "$key: not once"; return 1; }
    done
    [ -f "$(sed -n 's/^includes=//p' library.properties)" ] || { echo 'includes: no such file'; return 1; }
    ls *.c *.cpp *.S 2>"$tmp/null" && return 1
    [ ! -d src ] && [ ! -d utility ]
}
try 'library.properties' arduino

# idf: keys at the margin, and below them lists; each thing that it excludes is here.
idf() {
    grep -nvE '^([a-z]+:( ".*")?|  [a-z]+:|    - ".*")$' idf_component.yml && return 1
    for key in version description license; do
        grep -qE "^$key: \".+\"$" idf_component.yml || { echo "no $key"; return 1; }
    done
    sed -n 's/^    - "\([^/"]*\).*/\1/p' idf_component.yml >"$tmp/excluded"
    while read -r name; do
        [ -e "$name" ] || { echo "no $name"; return 1; }
    done <"$tmp/excluded"
    [ -s "$tmp/excluded" ]
}
try 'idf_component.yml' idf

# component: what ESP-IDF's CMake is told.
component() {
    printf '%s\n' 'macro(idf_component_register)' 'file(WRITE "${OUT}" "${ARGN}")' 'endmacro()' \
        'include("${ROOT}/CMakeLists.txt")' >"$tmp/idf.cmake"
    cmake "-DROOT=$PWD" "-DOUT=$tmp/registered" -P "$tmp/idf.cmake" || return 1
    [ "$(cat "$tmp/registered")" = 'INCLUDE_DIRS;.' ]
}

# subdirectory: a program beside us in CMake finds "aio.h", and the system's <aio.h>.
subdirectory() {
    mkdir "$tmp/program.d" || return 1
    printf '%s\n' 'cmake_minimum_required(VERSION 3.13)' 'project(program C)' "add_subdirectory(\"$PWD\" aio)" \
        'add_executable(program main.c)' 'target_link_libraries(program aio)' >"$tmp/program.d/CMakeLists.txt"
    printf '%s\n' '#include <aio.h>' '#define AIO_IMPLEMENTATION' '#include "aio_sim.h"' \
        'int main(void) { struct aiocb block; return sizeof block == 0 || AIO_VERSION == 0; }' >"$tmp/program.d/main.c"
    { cmake -S "$tmp/program.d" -B "$tmp/program.d/build" && cmake --build "$tmp/program.d/build"; } \
        >"$tmp/cmake" 2>&1 || { tail -n 20 "$tmp/cmake"; return 1; }
    "$tmp/program.d/build/program"
}
if have cmake; then
    try 'CMakeLists.txt: in ESP-IDF' component
    try 'CMakeLists.txt: elsewhere' subdirectory
else
    skip 'CMakeLists.txt' 'no cmake'
fi
finish
