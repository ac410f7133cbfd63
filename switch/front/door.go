package front

import "context"

// Door is a way in for callers: a port that speaks one protocol. It translates, and asks a [Front] who calls and for
// what it does.
type Door interface {
	// Name says which door it is, in errors and logs: "gateway port".
	Name() string
	// Serve takes callers until Shutdown, and then returns nil, or until it fails for good. It is called once.
	Serve() error
	// Shutdown takes nothing more in, lets what is in flight finish, and closes what the door listens on, also where it
	// never served. When ctx ends first it cuts off who is left and returns ctx's error; what is still with the flows then
	// ends with them. It may be called again, to wait for that.
	Shutdown(ctx context.Context) error
}

// Open makes a door that stands before a front. The door takes nobody in before Serve, and one that is never served
// needs no Shutdown but for its listener.
type Open func(*Front) (Door, error)
