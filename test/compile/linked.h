/* A coroutine for other files to await. */
#ifdef __cplusplus
extern "C" {
#endif
struct linked { AIO_FRAME(int); int x; };
AIO_DECLARE(linked);
struct linked *linked_new(int x);
#ifdef __cplusplus
}
#endif
