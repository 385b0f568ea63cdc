/* One header, alone and twice: -DHEADER='"aio_net.h"'. With -DLATER the implementation comes only
   with a third inclusion. */
#include HEADER
#include HEADER
#ifdef LATER
#define AIO_IMPLEMENTATION
#include HEADER
#endif
extern int header_c;
int header_c;
