package charging

// First is a constant.
const First = 1
