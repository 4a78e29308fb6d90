// Debian 12's libnghttp2-dev 1.52. No shims are needed so far: every symbol that Sources/HTTP2 names imports as it is.
#include <nghttp2/nghttp2.h>
