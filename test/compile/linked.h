/* A coroutine for other files to await. */
#ifdef __cplusplus
extern "C" {
#endif
struct linked { AIO_FRAME(int); int x; };
AIO_DECLARE(linked);
struct linked *linked_new(int x);
size_t linked_loop_bytes(void);        /* of struct aio_loop, as linked_b.c sees it */
#ifdef __cplusplus
}
#endif
