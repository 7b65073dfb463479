// Package bench measures the charging engine against limits of the machine it
// runs on: always in one run, in short slices that take turns, as ratios.
package bench
