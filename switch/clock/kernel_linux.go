package clock

import "golang.org/x/sys/unix"

// synchronized asks the kernel, whom NTP's and PTP's daemons tell; whoever sets the clock by hand makes it say no.
func synchronized() bool {
	var t unix.Timex // no mode: it is read and not set
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}
