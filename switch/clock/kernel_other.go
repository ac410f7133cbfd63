//go:build !linux

package clock

// synchronized cannot be asked on this system: a clock in doubt is confirmed by a person.
func synchronized() bool { return false }
