/* echo.c - a line editor on a UART, which asks after a while whether anybody is there.

   The UART's interrupt puts each byte into a ring and posts a callback; a coroutine takes them out, echoes and
   edits: backspace or delete takes back a character, ^W a word, ^U the line. After 2 s without a byte it asks, and
   after 2 s more it says goodbye; so it does at ^D on an empty line.

   Build and run, typed to by echo.sh:
       make embedded PROGRAMS=echo

   The same with your own keyboard, after stty -icanon -echo (and stty sane when it is over):
       REAL=1 LIMIT=600 embedded/run.sh microbit build/embedded/microbit/echo.elf

   Prints, fed with what echo.sh types, and after the erasures:
       a line, please
       > hello, world
       you said "hello, world"
       > one 2
       you said "one 2"
       > I forget nothing
       you said "I forget nothing"
       > wai
       still there?
       > wait
       you said "wait"
       >
       goodbye
*/
#define AIO_POOL_BYTES 2048             /* memory for coroutines and tasks: an array, no malloc */
#define AIO_TIMERS 8
#define AIO_IMPLEMENTATION
#include "board.h"
#include "aio.h"

#define PATIENCE AIO_SEC(2)

/* ------------------------------------------------------------------------------------ the interrupt's side

   A ring with one writer, the interrupt handler, and one reader, the loop. Each moves its own index only, which is
   a byte, so that nothing needs to be masked. What does not fit is lost, and counted. */

enum { RING = 64 };                     /* a power of two, at most 128 */
static volatile uint8_t ring[RING], written, taken;
static volatile unsigned lost;
static struct aio_loop *loop;
static struct aio_event arrived;        /* something is in the ring; of the loop, not for interrupts */

static void bytes_arrived(struct aio_callback *callback)
{
    (void)callback;
    aio_event_set(&arrived);
}

static void byte_interrupt(uint8_t byte)
{
    static struct aio_callback callback = { .fn = bytes_arrived };
    if ((uint8_t)(written - taken) == RING) {
        lost++;
        return;
    }
    ring[written % RING] = byte;
    written++;                          /* only now may it be taken */
    aio_loop_post(loop, &callback);
}

/* ------------------------------------------------------------------------------------------- the loop's side */

/* Waits for a byte, so long at most: AIO_ETIMEDOUT. */
struct get { AIO_FRAME(uint8_t); aio_time limit; };

static AIO_CORO(get)
{
    AIO_BEGIN;
    while (taken == written) {
        aio_event_clear(&arrived);
        AIO_AWAIT(aio_wait_for(aio_event_wait(&arrived), self->limit));
    }
    self->result = ring[taken % RING];
    taken++;                            /* only now may it be overwritten */
    AIO_END;
}

struct line { size_t n; char text[40]; };

static void erase(struct line *line)
{
    line->n--;
    board_print("\b \b");
}

/* ^W: blanks, and the word before them. */
static void erase_word(struct line *line)
{
    while (line->n && line->text[line->n - 1] == ' ')
        erase(line);
    while (line->n && line->text[line->n - 1] != ' ')
        erase(line);
}

static void edit(struct line *line, char c)
{
    if ((c == '\b' || c == 0x7f) && line->n) {
        erase(line);
    } else if (c == ('W' & 0x1f)) {
        erase_word(line);
    } else if (c == ('U' & 0x1f)) {
        while (line->n)
            erase(line);
    } else if (c < ' ' || c == 0x7f || line->n == sizeof line->text) {
        board_print("\a");
    } else {
        line->text[line->n++] = c;
        board_put(&c, 1);
    }
}

static void prompt(const struct line *line)
{
    board_print("> ");
    board_put(line->text, line->n);
}

/* Reads a line. False: there is none; the other side said ^D, or nothing at all for too long. */
struct read_line { AIO_FRAME(bool); struct line *line; int silences, error; uint8_t c; };

static AIO_CORO(read_line)
{
    AIO_BEGIN;
    self->line->n = 0;
    prompt(self->line);
    for (;;) {
        AIO_TRY(self->error, self->c, aio_new(get, PATIENCE));
        if (self->error == AIO_ETIMEDOUT && self->silences++ == 0) {
            board_print("\nstill there?\n");
            prompt(self->line);
            continue;
        }
        if (self->error && self->error != AIO_ETIMEDOUT)
            AIO_RAISE(self->error);     /* memory is out, say */
        if (self->error || (self->c == ('D' & 0x1f) && self->line->n == 0))
            AIO_RETURN(false);
        if (self->c == '\r' || self->c == '\n')
            AIO_RETURN(true);
        self->silences = 0;
        edit(self->line, (char)self->c);
    }
    AIO_FINALLY;
    board_print("\n");
    AIO_END;
}

struct talk { AIO_FRAME(void); struct line line; bool more; };

static AIO_CORO(talk)
{
    AIO_BEGIN;
    loop = aio_loop_current();
    board_on_byte(byte_interrupt);
    board_print("a line, please\n");
    for (;;) {
        AIO_AWAIT(self->more, aio_new(read_line, &self->line));
        if (!self->more)
            break;
        board_print("you said \"");
        board_put(self->line.text, self->line.n);
        board_print("\"\n");
    }
    if (lost)
        board_print("%u bytes came too fast\n", lost);
    board_print("goodbye\n");
    AIO_END;
}

int main(void) { return aio_run(aio_new(talk)); }
