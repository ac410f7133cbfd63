package operator

import (
	"context"
	"fmt"
	"net"
	"net/http"
)

// peerKey is the context's key of who is at the other end of a socket file.
type peerKey struct{}

// ConnContext keeps who is at the other end of a connection: an [http.Server] that serves the API takes it, so that who
// comes over a socket file is named.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	name := bySocket
	if uid, ok := peerUID(socket); ok {
		name = fmt.Sprintf("%s uid %d", bySocket, uid)
	}
	return context.WithValue(ctx, peerKey{}, name)
}

// came names a caller by the way that the request came.
func came(r *http.Request) string {
	if name, ok := r.Context().Value(peerKey{}).(string); ok {
		return name
	}
	return byLoopback
}
