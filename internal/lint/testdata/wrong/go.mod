module gyro

go 1.26.0
